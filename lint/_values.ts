/**
 * What is known of the values in a file: by evidence alone, such as `new Lock()`, `await openTcpStream(…)`, the type of
 * a parameter, or that a function is handed to `openNursery()`. A linter of one file sees no types, and what this file
 * does not find out, no rule speaks of.
 *
 * Over 400 lines, as each kind of expression, pattern and type is a few lines of one search that calls itself.
 */

import { isLibrary } from "./_imports.ts";
import { shapeOf } from "./_notation.ts";
import { type Binding, namesIn, type Scopes } from "./_scopes.ts";
import {
  agreed,
  awaited,
  boundTo,
  firstOf,
  hasParameters,
  isA,
  parametersIn,
  partsOf,
  substituted,
} from "./_shape_algebra.ts";
import type { ClassNode, FunctionNode, Shape, TypeTable } from "./_shapes.ts";
import { FUNCTIONS, TYPES } from "./_tables.ts";
import {
  allNodes,
  ancestorsOf,
  argumentOf,
  bare,
  isClass,
  isFunction,
  keyName,
  memberName,
  type Node,
  ownNodes,
  parentOf,
} from "./_tree.ts";

type Call = Deno.lint.CallExpression | Deno.lint.NewExpression;
type FunctionShape = readonly ["function", readonly Shape[], Shape];

export class Values {
  readonly #scopes: Scopes;
  readonly #modules: RegExp | undefined;
  readonly #known = new Map<Node, Shape>();
  readonly #ofBindings = new Map<Binding, Shape>();
  readonly #returned = new Map<FunctionNode, Shape>();
  readonly #signatures = new Map<Node, FunctionShape | null>();

  constructor(scopes: Scopes, modules: RegExp | undefined) {
    this.#scopes = scopes;
    this.#modules = modules;
  }

  /** What is known of the value of an expression. */
  of(node: Node | null | undefined): Shape {
    if (node === null || node === undefined) return null;
    return remembered(this.#known, node, () => this.#look(bare(node), node));
  }

  /** The name that something exported by the library has there: `sleep`, however the file calls it. */
  exportedName(node: Node | null | undefined): string | null {
    const shape = this.of(node);
    return shape?.[0] === "export" ? shape[1] : null;
  }

  /** The name of a function of the library that is called. */
  calledName(node: Node | null | undefined): string | null {
    return node?.type === "CallExpression" || node?.type === "NewExpression" ? this.exportedName(node.callee) : null;
  }

  /** The class or interface of the library and the method that is called on an instance of it. */
  calledMethod(
    node: Node | null | undefined,
  ): { readonly type: string; readonly name: string; readonly object: Node } | null {
    if (node?.type !== "CallExpression") return null;
    const callee = bare(node.callee);
    if (callee.type !== "MemberExpression") return null;
    const name = memberName(callee);
    const type = partsOf(this.of(callee.object)).find((part) => part?.[0] === "ours");
    return name === null || type?.[0] !== "ours" ? null : { type: type[1], name, object: callee.object };
  }

  /** Whether a call is of a method of a class or interface, or of one that extends it. */
  isMethod(node: Node | null | undefined, type: string, ...names: readonly string[]): boolean {
    const method = this.calledMethod(node);
    return method !== null && names.includes(method.name) && isA(method.type, type);
  }

  /** The function of the file that an expression is. */
  localFunction(node: Node | null | undefined): FunctionNode | null {
    const shape = this.of(node);
    return shape?.[0] === "local" ? shape[1] : null;
  }

  /** What a call takes and gives, if anything is known of that, with the type parameters bound that it binds. */
  signatureOf(call: Call): FunctionShape | null {
    return remembered(this.#signatures, call, () => {
      const shape = call.type === "NewExpression" ? this.#constructs(call) : this.#callable(this.of(call.callee));
      const chosen = this.#overload(shape, call);
      if (chosen === null) return null;
      const bound = new Map<string, Shape>();
      chosen[1].forEach((param, index) => {
        if (hasParameters(param)) this.#bind(param, argumentOf(call, index), bound);
      });
      const typeArguments = (call.typeArguments as Deno.lint.TSTypeParameterInstantiation | null | undefined)?.params;
      if (typeArguments !== undefined && typeArguments.length > 0) {
        parametersIn(chosen).forEach((name, index) => {
          const shape = this.typeOf(typeArguments[index]);
          if (shape !== null) bound.set(name, shape);
        });
      }
      return bound.size === 0 ? chosen : substituted(chosen, bound) as FunctionShape;
    });
  }

  /** The shape that an argument of a call must have. */
  parameterOf(call: Call, index: number): Shape {
    const params = this.signatureOf(call)?.[1] ?? [];
    const last = params.at(-1);
    if (index >= params.length - 1 && last?.[0] === "rest") return last[1];
    return params[index] ?? null;
  }

  /** What is expected of an expression where it stands. */
  expectedOf(node: Node): Shape {
    const parent = parentOf(node);
    switch (parent?.type) {
      case "CallExpression":
      case "NewExpression": {
        const index = (parent.arguments as readonly Node[]).indexOf(node);
        return index < 0 ? null : this.parameterOf(parent, index);
      }
      case "Property": {
        const object = parentOf(parent);
        if (parent.value !== node || object?.type !== "ObjectExpression") return null;
        const name = keyName(parent.key, parent.computed);
        return name === null ? null : this.memberOf(this.expectedOf(object), name);
      }
      case "ArrayExpression": {
        const index = (parent.elements as readonly (Node | null)[]).indexOf(node);
        return this.#elementOf(this.expectedOf(parent), index);
      }
      case "VariableDeclarator":
        return parent.init === node ? this.#annotated(parent.id) : null;
      case "ConditionalExpression":
      case "LogicalExpression":
        return this.expectedOf(parent);
      case "TSAsExpression":
      case "TSSatisfiesExpression":
        return this.typeOf(parent.typeAnnotation);
      default:
        return null;
    }
  }

  /** What is known of a member of a value. */
  memberOf(shape: Shape, name: string): Shape {
    switch (shape?.[0]) {
      case "ours": {
        const table = TYPES[shape[1]];
        return table === undefined ? null : this.#memberOfType(table, shape[2], name);
      }
      case "either":
      case "both":
        return firstOf(shape[1], (part) => this.memberOf(part, name));
      case "members":
        return (Object.hasOwn(shape[1], name) ? shape[1][name] : shape[1]["[]"]) ?? null;
      case "tuple":
        return shape[1][Number(name)] ?? null;
      case "list":
        return memberOfList(shape[1], name);
      case "namespace":
        return ["export", name];
      case "object":
        return this.#memberOfObject(shape[1], name);
      case "instance":
        return this.#memberOfClass(shape[1], name, false);
      case "local class":
        return this.#memberOfClass(shape[1], name, true);
      case "declared":
        return this.#memberOfDeclared(shape[1], name);
      default:
        return null;
    }
  }

  /** The shape that a type says. */
  typeOf(type: Node | null | undefined): Shape {
    switch (type?.type) {
      case "TSTypeAnnotation":
        return this.typeOf(type.typeAnnotation);
      case "TSTypeReference":
        return this.#reference(type.typeName, type.typeArguments?.params ?? []);
      case "TSTypeQuery":
        return type.exprName.type === "Identifier" ? this.#named(type.exprName) : null;
      case "TSArrayType":
        return ["list", this.typeOf(type.elementType)];
      case "TSTupleType":
        return ["tuple", type.elementTypes.map((item) => this.typeOf(item))];
      case "TSTypeOperator":
        return type.operator === "readonly" ? this.typeOf(type.typeAnnotation) : null;
      case "TSUnionType": {
        const parts = type.types.filter((part) => !/^TS(?:Null|Undefined)Keyword$/.test(part.type)).map((part) =>
          this.typeOf(part)
        );
        return parts.length === 1 ? parts[0] ?? null : parts.every((part) => part === null) ? null : ["either", parts];
      }
      case "TSIntersectionType":
        return ["both", type.types.map((part) => this.typeOf(part))];
      case "TSFunctionType":
        return ["function", type.params.map((param) => this.#annotated(param)), this.typeOf(type.returnType)];
      case "TSTypeLiteral":
        return ["declared", type];
      default:
        return null;
    }
  }

  /** Whether to iterate a value is to wait for something of the library. */
  isIterable(shape: Shape): boolean {
    return partsOf(shape).some((part) => part?.[0] !== "sequence" && this.iterated(part) !== null);
  }

  /** What is iterated by `for await` over a value: the shape of an item in a list of one, or nothing. */
  iterated(shape: Shape, depth = 0): readonly [Shape] | null {
    switch (shape?.[0]) {
      case "iterable":
      case "sequence":
        return [shape[1]];
      case "either":
      case "both":
        return firstOf(shape[1], (part) => this.iterated(part, depth));
      case "ours": {
        const table = TYPES[shape[1]];
        if (table === undefined || depth > 8) return null;
        const bound = boundTo(table, shape[2]);
        for (const base of [...table.bases ?? [], ...(table.alias === undefined ? [] : [table.alias])]) {
          const found = this.iterated(substituted(shapeOf(base), bound), depth + 1);
          if (found !== null) return found;
        }
        return table.members !== undefined && "[Symbol.asyncIterator]" in table.members ? [null] : null;
      }
      default:
        return null;
    }
  }

  /** What a function of the file gives: a promise if it is async. */
  returnOf(fn: FunctionNode): Shape {
    return remembered(this.#returned, fn, () => {
      if (fn.returnType) {
        const declared = this.typeOf(fn.returnType);
        if (declared !== null) return declared;
      }
      if ("generator" in fn && fn.generator) return fn.async ? ["sequence", null] : null;
      const given = agreed(returnsOf(fn).map((value) => this.of(value)));
      if (!fn.async) return given;
      return ["awaitable", awaited(given)];
    });
  }

  /** What the names of a pattern are, if the value has a shape. */
  ofPattern(pattern: Node, shape: Shape, id: Node): Shape {
    switch (pattern.type) {
      case "Identifier":
        return pattern === id ? this.#annotated(pattern) ?? shape : null;
      case "AssignmentPattern":
        return this.ofPattern(pattern.left, shape ?? this.of(pattern.right), id);
      case "ObjectPattern": {
        const declared = this.#annotated(pattern) ?? shape;
        for (const property of pattern.properties) {
          if (!namesIn(property.type === "RestElement" ? property : property.value).includes(id)) continue;
          if (property.type === "RestElement") return null;
          const name = keyName(property.key, property.computed);
          return name === null ? null : this.ofPattern(property.value, this.memberOf(declared, name), id);
        }
        return null;
      }
      case "ArrayPattern": {
        const declared = this.#annotated(pattern) ?? shape;
        for (const [index, element] of (pattern.elements as readonly (Node | null)[]).entries()) {
          if (element === null || !namesIn(element).includes(id)) continue;
          if (element.type === "RestElement") return null;
          return this.ofPattern(element, this.#elementOf(declared, index), id);
        }
        return null;
      }
      case "TSParameterProperty":
        return this.ofPattern(pattern.parameter, shape, id);
      default:
        return null;
    }
  }

  #look(node: Node, whole: Node): Shape {
    const shape = this.#lookAt(node);
    if (shape !== null || node === whole) return shape;
    // What is said of its type is evidence, too, where there is no other.
    return whole.type === "TSAsExpression" || whole.type === "TSSatisfiesExpression"
      ? this.typeOf(whole.typeAnnotation)
      : null;
  }

  #lookAt(node: Node): Shape {
    switch (node.type) {
      case "Identifier":
        return this.#named(node);
      case "ThisExpression":
        return this.#self(node);
      case "ArrowFunctionExpression":
      case "FunctionExpression":
      case "FunctionDeclaration":
        return ["local", node];
      case "ClassExpression":
      case "ClassDeclaration":
        return ["local class", node];
      case "ObjectExpression":
        return ["object", node];
      case "ArrayExpression":
        return ["tuple", (node.elements as readonly (Node | null)[]).map((element) => this.of(element))];
      case "AwaitExpression":
        return awaited(this.of(node.argument));
      case "AssignmentExpression":
        return node.operator === "=" ? this.of(node.right) : agreed([this.of(node.left), this.of(node.right)]);
      case "SequenceExpression":
        return this.of(node.expressions.at(-1));
      case "ConditionalExpression":
        return agreed([this.of(node.consequent), this.of(node.alternate)]);
      case "LogicalExpression":
        return node.operator === "&&" ? this.of(node.right) : agreed([this.of(node.left), this.of(node.right)]);
      case "ImportExpression":
        return node.source.type === "Literal" && typeof node.source.value === "string" &&
            isLibrary(node.source.value, this.#modules)
          ? ["awaitable", ["namespace"]]
          : null;
      case "MemberExpression":
        return this.#member(node);
      case "NewExpression": {
        const callee = this.of(node.callee);
        if (callee?.[0] === "local class") return ["instance", callee[1]];
        return this.signatureOf(node)?.[2] ?? this.#collection(node);
      }
      case "CallExpression":
        return this.#called(node);
      default:
        return null;
    }
  }

  /** What `new Map<string, Lock>()` and the like give. */
  #collection(node: Deno.lint.NewExpression): Shape {
    const { callee } = node;
    if (callee.type !== "Identifier" || !this.#scopes.isGlobal(callee)) return null;
    const types = (node.typeArguments as Deno.lint.TSTypeParameterInstantiation | null | undefined)?.params ?? [];
    return types.length === 0 ? null : this.#reference(callee, types);
  }

  #called(node: Deno.lint.CallExpression): Shape {
    const callee = bare(node.callee);
    if (callee.type === "MemberExpression") {
      const name = memberName(callee);
      const object = this.of(callee.object);
      // What follows a promise is a promise: of the same, if it only looks at failures.
      if (/^(?:promise|awaitable)$/.test(object?.[0] ?? "") && /^(?:catch|finally|then)$/.test(name ?? "")) {
        return name === "then" ? ["awaitable", null] : object;
      }
      if (
        callee.object.type === "Identifier" && callee.object.name === "Promise" && this.#scopes.isGlobal(callee.object)
      ) {
        return this.#combined(name, argumentOf(node, 0));
      }
    }
    return this.signatureOf(node)?.[2] ?? null;
  }

  /** What `Promise.all()` and its kin give. */
  #combined(name: string | null, list: Node | undefined): Shape {
    if (list?.type !== "ArrayExpression") return null;
    const items = (list.elements as readonly (Node | null)[]).map((element) => awaited(this.of(element)));
    if (name === "all") return ["awaitable", ["tuple", items]];
    return name === "race" || name === "any" ? ["awaitable", agreed(items)] : null;
  }

  #member(node: Deno.lint.MemberExpression): Shape {
    const object = this.of(node.object);
    const name = memberName(node);
    if (name !== null) return this.memberOf(object, name);
    return firstOf(partsOf(object), (part) => part?.[0] === "list" ? part[1] : null) ?? this.memberOf(object, "[]");
  }

  /** What a name stands for. */
  #named(id: Node): Shape {
    const binding = this.#scopes.bindingOf(id);
    return binding === null ? null : this.ofBinding(binding);
  }

  /** What is known of what a name stands for. */
  ofBinding(binding: Binding): Shape {
    return remembered(this.#ofBindings, binding, () => this.#bound(binding));
  }

  #bound({ kind, declaration, id, writes }: Binding): Shape {
    switch (kind) {
      case "import":
        return this.#imported(declaration);
      case "function":
        return declaration.type === "FunctionDeclaration" || declaration.type === "FunctionExpression"
          ? ["local", declaration]
          : null;
      case "class":
        return isClass(declaration) ? ["local class", declaration] : null;
      case "parameter":
        return isFunction(declaration) ? this.#parameter(declaration, id) : null;
      case "const":
      case "using":
      case "let":
      case "var": {
        if (declaration.type !== "VariableDeclarator") return null;
        const said = this.ofPattern(declaration.id, this.#initial(declaration), id);
        if (writes.length === 0) return said;
        return agreed([...(declaration.init ? [said] : []), ...writes.map((write) => this.#written(write))]);
      }
      default:
        return null;
    }
  }

  /** What a variable begins with. */
  #initial(declarator: Deno.lint.VariableDeclarator): Shape {
    if (declarator.init) return this.of(declarator.init);
    const declaration = parentOf(declarator);
    const loop = declaration === null ? null : parentOf(declaration);
    if (loop?.type !== "ForOfStatement" || loop.left !== declaration) return null;
    const source = this.of(loop.right);
    if (loop.await) {
      const items = this.iterated(source);
      if (items !== null) return items[0];
    }
    return firstOf(partsOf(source), (part) => {
      if (part?.[0] === "list") return part[1];
      return part?.[0] === "tuple" ? agreed(part[1]) : null;
    });
  }

  /** What an assignment to a name gives it. */
  #written(id: Node): Shape {
    const parent = parentOf(id);
    if (parent?.type === "AssignmentExpression" && parent.left === id) return this.of(parent.right);
    for (const at of ancestorsOf(id)) {
      if (at.type === "AssignmentExpression") return this.ofPattern(at.left, this.of(at.right), id);
      if (!/Pattern$|^Property$|^RestElement$/.test(at.type)) return null;
    }
    return null;
  }

  #imported(specifier: Node): Shape {
    const declaration = parentOf(specifier);
    if (declaration?.type !== "ImportDeclaration" || !isLibrary(declaration.source.value, this.#modules)) return null;
    if (specifier.type === "ImportNamespaceSpecifier") return ["namespace"];
    if (specifier.type !== "ImportSpecifier") return null;
    const { imported } = specifier;
    return ["export", imported.type === "Identifier" ? imported.name : String(imported.value)];
  }

  #parameter(fn: FunctionNode, id: Node): Shape {
    const index = fn.params.findIndex((param) => namesIn(param).includes(id));
    const param = fn.params[index];
    if (param === undefined) return null;
    const annotated = this.ofPattern(param, null, id);
    if (annotated !== null || param.type === "RestElement") return annotated;
    const expected = partsOf(this.#callable(this.expectedOf(fn))).find((part) => part?.[0] === "function");
    return expected?.[0] === "function" ? this.ofPattern(param, expected[1][index] ?? null, id) : null;
  }

  /** What `this` is in a method, a constructor or a field. */
  #self(node: Node): Shape {
    let last: Node = node;
    for (const at of ancestorsOf(node)) {
      if (at.type === "FunctionDeclaration") return null;
      if (at.type === "FunctionExpression") {
        const member = parentOf(at);
        if (member?.type === "Property") {
          const object = parentOf(member);
          return object?.type === "ObjectExpression" ? ["object", object] : null;
        }
        if (member?.type !== "MethodDefinition") return null;
      }
      if (at.type === "ClassBody") {
        const owner = parentOf(at);
        if (owner === null || !isClass(owner)) return null;
        const isStatic = "static" in last && Boolean(last.static) || last.type === "StaticBlock";
        return isStatic ? ["local class", owner] : ["instance", owner];
      }
      last = at;
    }
    return null;
  }

  #memberOfType(table: TypeTable, args: readonly Shape[], name: string, depth = 0): Shape {
    const bound = boundTo(table, args);
    const own = table.members !== undefined && Object.hasOwn(table.members, name) ? table.members[name] : undefined;
    if (own !== undefined) return substituted(shapeOf(own), bound);
    if (depth > 8) return null;
    for (const base of [...table.bases ?? [], ...(table.alias === undefined ? [] : [table.alias])]) {
      const shape = substituted(shapeOf(base), bound);
      const found = firstOf(partsOf(shape), (part): Shape => {
        if (part?.[0] === "iterable") return name === "next" ? ["function", [], ["promise", null]] : null;
        if (part?.[0] !== "ours") return this.memberOf(part, name);
        const other = TYPES[part[1]];
        return other === undefined ? null : this.#memberOfType(other, part[2], name, depth + 1);
      });
      if (found !== null) return found;
    }
    return null;
  }

  #memberOfObject(object: Deno.lint.ObjectExpression, name: string): Shape {
    for (const property of object.properties) {
      if (property.type !== "Property" || keyName(property.key, property.computed) !== name) continue;
      if (property.kind === "get" && isFunction(property.value)) return this.returnOf(property.value);
      return this.of(property.value);
    }
    return null;
  }

  #memberOfClass(owner: ClassNode, name: string, isStatic: boolean, depth = 0): Shape {
    for (const member of owner.body.body as readonly Node[]) {
      if (member.type === "MethodDefinition" && member.static === isStatic) {
        if (member.kind === "constructor" && !isStatic && isFunction(member.value)) {
          for (const param of member.value.params as readonly Node[]) {
            if (param.type !== "TSParameterProperty") continue;
            const id = namesIn(param).find((id) => id.type === "Identifier" && id.name === name);
            const binding = id === undefined ? null : this.#scopes.bindingOf(id);
            if (binding !== null) return this.ofBinding(binding);
          }
        }
        if (keyName(member.key, member.computed) !== name || !isFunction(member.value)) continue;
        if (member.kind === "set") continue;
        return member.kind === "get" ? this.returnOf(member.value) : ["local", member.value];
      }
      if (member.type === "PropertyDefinition" && member.static === isStatic) {
        if (keyName(member.key, member.computed) !== name) continue;
        return this.typeOf(member.typeAnnotation) ?? this.of(member.value) ?? this.#assigned(owner, name);
      }
    }
    const base = this.of(owner.superClass);
    if (base?.[0] === "local class" && base[1] !== owner && depth < 8) {
      return this.#memberOfClass(base[1], name, isStatic, depth + 1);
    }
    return base?.[0] === "export" && !isStatic ? this.memberOf(["ours", base[1], []], name) : null;
  }

  /** What the methods of a class assign to a field. */
  #assigned(owner: ClassNode, name: string): Shape {
    const shapes: Shape[] = [];
    for (const node of allNodes(owner.body)) {
      if (
        node.type === "AssignmentExpression" && node.left.type === "MemberExpression" &&
        node.left.object.type === "ThisExpression" && memberName(node.left) === name
      ) shapes.push(this.of(node.right));
    }
    return agreed(shapes);
  }

  #memberOfDeclared(type: Deno.lint.TSInterfaceDeclaration | Deno.lint.TSTypeLiteral, name: string, depth = 0): Shape {
    const members: readonly Node[] = type.type === "TSTypeLiteral" ? type.members : type.body.body;
    for (const member of members) {
      if (member.type === "TSPropertySignature" && keyName(member.key, member.computed) === name) {
        return this.typeOf(member.typeAnnotation);
      }
      if (member.type === "TSMethodSignature" && keyName(member.key, member.computed) === name) {
        return ["function", member.params.map((param) => this.#annotated(param)), this.typeOf(member.returnType)];
      }
    }
    if (type.type === "TSTypeLiteral" || depth > 8) return null;
    return firstOf(type.extends, ({ expression, typeArguments }) => {
      const base = this.#reference(expression, typeArguments?.params ?? []);
      return base?.[0] === "declared" ? this.#memberOfDeclared(base[1], name, depth + 1) : this.memberOf(base, name);
    });
  }

  /** What a type's name stands for. */
  #reference(name: Node, args: readonly Node[]): Shape {
    const shapes = () => args.map((arg) => this.typeOf(arg));
    if (name.type === "TSQualifiedName") {
      return name.left.type === "Identifier" && this.#named(name.left)?.[0] === "namespace"
        ? ["ours", name.right.name, shapes()]
        : null;
    }
    if (name.type !== "Identifier") return null;
    const binding = this.#scopes.bindingOf(name);
    if (binding === null) {
      switch (name.name) {
        case "Promise":
        case "PromiseLike":
          return ["awaitable", shapes()[0] ?? null];
        case "Awaited":
          return awaited(shapes()[0] ?? null);
        case "Array":
        case "ReadonlyArray":
        case "Set":
        case "ReadonlySet":
          return ["list", shapes()[0] ?? null];
        case "Map":
        case "ReadonlyMap":
        case "WeakMap":
          return mapOf(shapes()[0] ?? null, shapes()[1] ?? null);
        case "Record":
          return mapOf(null, shapes()[1] ?? null, true);
        case "Readonly":
        case "Required":
        case "Partial":
        case "NonNullable":
        case "Pick":
        case "Omit":
          return shapes()[0] ?? null;
        case "AsyncIterable":
        case "AsyncIterableIterator":
        case "AsyncGenerator":
          return ["sequence", shapes()[0] ?? null];
        case "ReturnType": {
          const [fn = null] = shapes();
          return this.#overloadOf(this.#callable(fn))?.[2] ?? null;
        }
        default:
          return null;
      }
    }
    if (binding.kind === "import") {
      const imported = this.#imported(binding.declaration);
      return imported?.[0] === "export" ? ["ours", imported[1], shapes()] : null;
    }
    // Whatever it stands for, it is what it must extend.
    if (binding.declaration.type === "TSTypeParameter") return this.typeOf(binding.declaration.constraint);
    if (isClass(binding.declaration)) return ["instance", binding.declaration];
    if (binding.declaration.type === "TSInterfaceDeclaration") return ["declared", binding.declaration];
    if (binding.declaration.type === "TSTypeAliasDeclaration") {
      const { typeAnnotation } = binding.declaration;
      return remembered(this.#known, typeAnnotation, () => this.typeOf(typeAnnotation));
    }
    return null;
  }

  /** The shape that a pattern or parameter is declared to have. */
  #annotated(pattern: Node): Shape {
    if (pattern.type === "AssignmentPattern") return this.#annotated(pattern.left);
    const annotation = (pattern as { typeAnnotation?: Node | null }).typeAnnotation;
    return annotation ? this.typeOf(annotation) : null;
  }

  #elementOf(shape: Shape, index: number): Shape {
    if (shape?.[0] === "tuple") return shape[1][index] ?? null;
    return shape?.[0] === "list" ? shape[1] : null;
  }

  /** What can be called, as functions. */
  #callable(shape: Shape): Shape {
    switch (shape?.[0]) {
      case "export":
        return Object.hasOwn(FUNCTIONS, shape[1]) ? shapeOf(FUNCTIONS[shape[1]] ?? "?") : null;
      case "local":
        return ["function", shape[1].params.map((param) => this.#annotated(param)), this.returnOf(shape[1])];
      case "ours": {
        const table = TYPES[shape[1]];
        if (table === undefined) return null;
        const text = table.calls ?? table.alias;
        return text === undefined ? null : this.#callable(substituted(shapeOf(text), boundTo(table, shape[2])));
      }
      case "either":
      case "both":
        return [shape[0], shape[1].map((part) => this.#callable(part))];
      case "function":
        return shape;
      default:
        return null;
    }
  }

  #constructs(node: Deno.lint.NewExpression): Shape {
    const callee = this.of(node.callee);
    const name = callee?.[0] === "export" ? callee[1] : callee?.[0] === "ours" ? callee[1] : null;
    const table = name === null ? undefined : TYPES[name];
    if (name === null || table?.constructs === undefined) return null;
    const made: Shape = ["ours", name, (table.generic ?? []).map((param) => ["parameter", param])];
    const constructs = shapeOf(table.constructs);
    return ["function", constructs?.[0] === "function" ? constructs[1] : [], made];
  }

  #overloadOf(shape: Shape): FunctionShape | null {
    return partsOf(shape).find((part) => part?.[0] === "function") as FunctionShape | undefined ?? null;
  }

  /** Of several ways to call something the one whose first parameter the first argument fits. */
  #overload(shape: Shape, call: Call): FunctionShape | null {
    const ways = partsOf(shape).filter((part) => part?.[0] === "function") as readonly FunctionShape[];
    if (ways.length < 2) return ways[0] ?? null;
    if (call.arguments.length === 0) return ways.find(([, params]) => params.length === 0) ?? ways[0] ?? null;
    const argument = this.of(argumentOf(call, 0));
    const fits = (param: Shape): boolean => {
      if (param?.[0] === "function") return argument?.[0] === "local" || argument?.[0] === "function";
      if (param?.[0] === "iterable") return this.iterated(argument) !== null;
      return param?.[0] === "promise" && (argument?.[0] === "promise" || argument?.[0] === "awaitable");
    };
    const fitting = ways.find(([, params]) => fits(params[0] ?? null));
    if (fitting !== undefined) return fitting;
    const open = ways.filter(([, params]) => params.length > 0);
    if (open.length < 2) return open[0] ?? ways[0] ?? null;
    // Nothing is known of the argument. What is awaited, or dropped, is a promise; what is iterated is none.
    const parent = parentOf(call);
    const isIterated = parent?.type === "ForOfStatement" && parent.right === call;
    const isPromise = parent?.type === "AwaitExpression" || parent?.type === "ExpressionStatement";
    if (!isIterated && !isPromise) return null;
    return open.find(([, , given]) => (given?.[0] === "promise") === isPromise) ?? null;
  }

  /** Learns from an argument what type parameters stand for. */
  #bind(param: Shape, argument: Node | undefined, bound: Map<string, Shape>): void {
    if (argument === undefined) return;
    const learn = (shape: Shape, given: Shape): void => {
      if (shape === null || given === null) return;
      switch (shape[0]) {
        case "parameter":
          if (!bound.has(shape[1])) bound.set(shape[1], given);
          break;
        case "promise":
          if (given[0] === "promise" || given[0] === "awaitable") learn(shape[1], given[1]);
          break;
        case "list":
          if (given[0] === "list") learn(shape[1], given[1]);
          break;
        case "iterable": {
          const items = this.iterated(given);
          if (items !== null) learn(shape[1], items[0]);
          break;
        }
        case "function": {
          const callable = this.#overloadOf(this.#callable(given));
          const result = callable?.[2] ?? null;
          learn(shape[2], shape[2]?.[0] === "promise" ? result : awaited(result));
          break;
        }
        case "ours":
          if (given[0] === "object") {
            for (const [name, text] of Object.entries(TYPES[shape[1]]?.members ?? {})) {
              const own = substituted(shapeOf(text), boundTo(TYPES[shape[1]] ?? {}, shape[2]));
              if (hasParameters(own)) learn(own, this.memberOf(given, name));
            }
          } else if (given[0] === "ours" && given[1] === shape[1]) {
            shape[2].forEach((arg, index) => learn(arg, given[2][index] ?? null));
          }
          break;
      }
    };
    learn(param, this.of(argument));
  }
}

/** What is known of a member of an array or a set, by what is known of its items. */
function memberOfList(item: Shape, name: string): Shape {
  if (/^\d+$/.test(name)) return item;
  const list: Shape = ["list", item];
  const callback = (given: Shape): Shape => ["function", [item, null, list], given];
  switch (name) {
    case "at":
    case "pop":
    case "shift":
      return ["function", [], item];
    case "values":
    case "slice":
    case "reverse":
    case "toReversed":
    case "concat":
      return ["function", [], list];
    case "forEach":
    case "some":
    case "every":
    case "findIndex":
      return ["function", [callback(null)], null];
    case "find":
    case "findLast":
      return ["function", [callback(null)], item];
    case "filter":
    case "toSorted":
      return ["function", [callback(null)], list];
    case "map":
      return ["function", [callback(["parameter", "R"])], ["list", ["parameter", "R"]]];
    default:
      return null;
  }
}

/** A map, or an object that is used as one, by what is known of its values. */
function mapOf(key: Shape, value: Shape, isObject = false): Shape {
  if (isObject) return ["members", { "[]": value }];
  const callback: Shape = ["function", [value, key], null];
  return ["both", [
    ["members", {
      get: ["function", [null], value],
      values: ["function", [], ["list", value]],
      entries: ["function", [], ["list", ["tuple", [key, value]]]],
      forEach: ["function", [callback], null],
    }],
    ["list", ["tuple", [key, value]]],
  ]];
}

/** The values that a function returns. */
export function returnsOf(fn: FunctionNode): Node[] {
  if (!fn.body) return [];
  if (fn.body.type !== "BlockStatement") return [fn.body];
  const values: Node[] = [];
  for (const node of ownNodes(fn.body)) {
    if (node.type === "ReturnStatement" && node.argument) values.push(node.argument);
  }
  return values;
}

/** What is found out once, and while that goes on is not known. */
function remembered<K, V>(known: Map<K, V>, key: K, find: () => V & (Shape | null)): V | null {
  const before = known.get(key);
  if (before !== undefined) return before;
  known.set(key, null as V);
  const found = find();
  known.set(key, found);
  return found;
}
