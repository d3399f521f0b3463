/** Names, and what they stand for: the scopes of a file. */

import { ancestorsOf, childrenOf, isClass, isFunction, type Node, parentOf, type Tree } from "./_tree.ts";

/** What a name stands for. */
export interface Binding {
  readonly name: string;
  readonly kind:
    | "import"
    | "const"
    | "let"
    | "var"
    | "using"
    | "parameter"
    | "function"
    | "class"
    | "catch"
    | "type"
    | "typeParameter"
    | "other";
  /** Where it is declared: an import specifier, a declarator, a function with the parameter, a declaration. */
  readonly declaration: Node;
  /** The identifier that declares it. */
  readonly id: Node;
  /** The node whose scope it is in. */
  readonly scope: Node;
  /** Where it is mentioned, without the declaration. */
  readonly references: Node[];
  /** Where it is given another value. */
  readonly writes: Node[];
}

type Names = Map<string, Binding>;

/** Finds out what the names of a file stand for. */
export class Scopes {
  readonly #values = new Map<Node, Names>();
  readonly #types = new Map<Node, Names>();
  /** Of identifiers that declare, and of those that mention. */
  readonly #bindings = new Map<Node, Binding | null>();

  constructor(tree: Tree) {
    this.#declareIn(tree.program, tree.program);
    for (const id of tree.all("Identifier")) {
      if (this.#bindings.has(id)) continue;
      const role = roleOf(id);
      if (role === null) continue;
      const binding = this.#find(id.name, id, role === "type" ? this.#types : this.#values) ??
        (role === "type" ? null : this.#find(id.name, id, this.#types, "type"));
      this.#bindings.set(id, binding);
      binding?.references.push(id);
      if (isWrite(id)) binding?.writes.push(id);
    }
  }

  /** What an identifier stands for: `null` for a global, and for one that is no name but a property or label. */
  bindingOf(id: Node): Binding | null {
    return this.#bindings.get(id) ?? null;
  }

  /** Whether an identifier mentions something that the file does not declare. */
  isGlobal(id: Node): boolean {
    return this.#bindings.get(id) === null;
  }

  /** Whether a name means a value at a place, declared by the file. */
  isDeclared(name: string, at: Node): boolean {
    return this.#find(name, at, this.#values) !== null;
  }

  /** What a name of a value stands for at a place. */
  lookup(name: string, at: Node): Binding | null {
    return this.#find(name, at, this.#values);
  }

  /** The globals that are mentioned by a name. */
  globals(name: string): Node[] {
    return [...this.#bindings].flatMap(([id, binding]) =>
      binding === null && id.type === "Identifier" && id.name === name ? [id] : []
    );
  }

  #find(name: string, at: Node, space: Map<Node, Names>, kind?: string): Binding | null {
    for (let scope: Node | null = at; scope !== null; scope = parentOf(scope)) {
      const binding = space.get(scope)?.get(name);
      if (binding !== undefined && (kind === undefined || binding.kind !== kind)) return binding;
    }
    return null;
  }

  #declare(space: Map<Node, Names>, scope: Node, id: Node, kind: Binding["kind"], declaration: Node): void {
    if (id.type !== "Identifier") return;
    let names = space.get(scope);
    if (names === undefined) space.set(scope, names = new Map());
    let binding = names.get(id.name);
    if (binding === undefined) {
      binding = { name: id.name, kind, declaration, id, scope, references: [], writes: [] };
      names.set(id.name, binding);
    } else if (kind === "var" && binding.kind !== "function") binding.writes.push(id);
    this.#bindings.set(id, binding);
  }

  #declareBoth(scope: Node, id: Node, kind: Binding["kind"], declaration: Node): void {
    this.#declare(this.#values, scope, id, kind, declaration);
    const binding = this.#bindings.get(id);
    if (binding === undefined || binding === null) return;
    let names = this.#types.get(scope);
    if (names === undefined) this.#types.set(scope, names = new Map());
    if (!names.has(binding.name)) names.set(binding.name, binding);
  }

  /** Declares what a node and what is in it declare; `scope` is that of the block around it. */
  #declareIn(node: Node, scope: Node): void {
    const inner = opensScope(node) ? node : scope;
    switch (node.type) {
      case "ImportSpecifier":
      case "ImportDefaultSpecifier":
      case "ImportNamespaceSpecifier":
        this.#declareBoth(scope, node.local, "import", node);
        return;
      case "VariableDeclaration": {
        const kind = node.kind === "const" || node.kind === "let" || node.kind === "var" ? node.kind : "using";
        const home = kind === "var" ? functionScope(node) : scope;
        for (const declarator of node.declarations) {
          for (const id of namesIn(declarator.id)) this.#declare(this.#values, home, id, kind, declarator);
        }
        break;
      }
      case "FunctionDeclaration":
      case "TSDeclareFunction":
        if (node.id) this.#declare(this.#values, scope, node.id, "function", node);
        this.#declareParameters(node);
        break;
      case "FunctionExpression":
        if (node.id) this.#declare(this.#values, node, node.id, "function", node);
        this.#declareParameters(node);
        break;
      case "ArrowFunctionExpression":
      case "TSEmptyBodyFunctionExpression":
        this.#declareParameters(node);
        break;
      case "ClassDeclaration":
        if (node.id) this.#declareBoth(scope, node.id, "class", node);
        break;
      case "ClassExpression":
        if (node.id) this.#declareBoth(node, node.id, "class", node);
        break;
      case "CatchClause":
        if (node.param) {
          for (const id of namesIn(node.param)) this.#declare(this.#values, node, id, "catch", node);
        }
        break;
      case "TSInterfaceDeclaration":
      case "TSTypeAliasDeclaration":
        this.#declare(this.#types, scope, node.id, "type", node);
        break;
      case "TSEnumDeclaration":
        this.#declareBoth(scope, node.id, "other", node);
        break;
      case "TSModuleDeclaration":
        this.#declareBoth(scope, node.id, "other", node);
        break;
      case "TSImportEqualsDeclaration":
        this.#declareBoth(scope, node.id, "other", node);
        break;
      case "TSTypeParameter":
        this.#declare(this.#types, scope, node.name, "typeParameter", node);
        break;
    }
    for (const child of childrenOf(node)) this.#declareIn(child, inner);
  }

  #declareParameters(node: Node): void {
    for (const param of (node as { params?: readonly Node[] }).params ?? []) {
      for (const id of namesIn(param)) this.#declare(this.#values, node, id, "parameter", node);
    }
  }
}

function opensScope(node: Node): boolean {
  if (node.type === "BlockStatement") {
    const parent = parentOf(node);
    return !isFunction(parent);
  }
  return isFunction(node) || isClass(node) ||
    /^(?:Program|For|ForIn|ForOf|Switch|CatchClause|StaticBlock|TSModuleBlock|TSInterfaceDeclaration|TSTypeAliasDeclaration|TSDeclareFunction|TSEmptyBodyFunctionExpression|TSFunctionType|TSMethodSignature|TSMappedType|TSConditionalType)(?:Statement)?$/
      .test(node.type);
}

/** The node whose scope `var` declares in. */
function functionScope(node: Node): Node {
  let last = node;
  for (const at of ancestorsOf(node)) {
    if (isFunction(at) || at.type === "StaticBlock" || at.type === "TSModuleBlock") return at;
    last = at;
  }
  return last;
}

/** The identifiers that a pattern declares. */
export function namesIn(pattern: Node | null): Node[] {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern];
    case "ArrayPattern":
      return pattern.elements.flatMap(namesIn);
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        namesIn(property.type === "RestElement" ? property : property.value)
      );
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "RestElement":
      return namesIn(pattern.argument);
    case "TSParameterProperty":
      return namesIn(pattern.parameter);
    default:
      return [];
  }
}

/** What has identifiers in it that are no names: those of properties, of labels, of parameters in types. */
const NAMELESS = new Set([
  "LabeledStatement",
  "BreakStatement",
  "ContinueStatement",
  "ImportSpecifier",
  "ImportAttribute",
  "ExportAllDeclaration",
  "MetaProperty",
  "TSPropertySignature",
  "TSMethodSignature",
  "TSEnumMember",
  "TSNamedTupleMember",
  "TSTypeParameter",
  "TSFunctionType",
  "TSConstructorType",
  "TSConstructSignatureDeclaration",
  "TSCallSignatureDeclaration",
  "TSTypePredicate",
  "TSAbstractPropertyDefinition",
  "TSAbstractMethodDefinition",
  "TSInterfaceDeclaration",
  "TSTypeAliasDeclaration",
  "TSEnumDeclaration",
  "TSModuleDeclaration",
  "TSIndexSignature",
  "TSImportType",
]);

/** Whether an identifier mentions a value or a type, or neither. */
function roleOf(id: Node): "value" | "type" | null {
  const parent = parentOf(id);
  if (parent === null || NAMELESS.has(parent.type)) return null;
  switch (parent.type) {
    case "MemberExpression":
      return parent.property === id && !parent.computed ? null : "value";
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
      return parent.key === id && !parent.computed ? null : "value";
    case "ExportSpecifier": {
      const declaration = parentOf(parent);
      return parent.local === id && declaration?.type === "ExportNamedDeclaration" && !declaration.source
        ? "value"
        : null;
    }
    case "TSTypeReference":
    case "TSInterfaceHeritage":
    case "TSClassImplements":
      return "type";
    case "TSQualifiedName":
      return parent.left === id ? "type" : null;
    default:
      return "value";
  }
}

/** Whether an identifier is assigned to where it stands. */
function isWrite(id: Node): boolean {
  let at: Node = id;
  for (const parent of ancestorsOf(id)) {
    switch (parent.type) {
      case "AssignmentExpression":
        return parent.left === at;
      case "UpdateExpression":
        return true;
      case "ForOfStatement":
      case "ForInStatement":
        return parent.left === at;
      case "AssignmentPattern":
        if (parent.left !== at) return false;
        break;
      case "Property":
        if (parent.value !== at) return false;
        break;
      case "ArrayPattern":
      case "ObjectPattern":
      case "RestElement":
        break;
      default:
        return false;
    }
    at = parent;
  }
  return false;
}
