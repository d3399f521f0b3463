/** The last so many of something. */

/** See the header. */
export class Ring<T> {
  readonly #capacity: number;
  #items: T[] = [];
  /** Where the next one goes, when it is full. */
  #next = 0;
  #dropped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many had to go. */
  get dropped(): number {
    return this.#dropped;
  }

  push(item: T): void {
    if (this.#items.length < this.#capacity) return void this.#items.push(item);
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
    this.#dropped++;
  }

  /** All of them, oldest first. */
  items(): T[] {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)];
  }

  clear(): void {
    this.#items = [];
    this.#next = this.#dropped = 0;
  }
}
