/** Handlers of events as properties: `onmessage` and its like. */

/** Gives a class a property for each type of event. */
export function defineHandlers(prototype: EventTarget, types: readonly string[]): void {
  for (const type of types) {
    const slots = new WeakMap<EventTarget, { handler: unknown }>();
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get(this: EventTarget) {
        return slots.get(this)?.handler ?? null;
      },
      set(this: EventTarget, handler: unknown) {
        const known = slots.get(this);
        if (known !== undefined) return void (known.handler = handler);
        const slot = { handler };
        slots.set(this, slot);
        this.addEventListener(type, (event) => {
          if (typeof slot.handler === "function") slot.handler.call(this, event);
        });
      },
    });
  }
}
