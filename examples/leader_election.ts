// deno-lint-ignore-file no-console
/**
 * A leader for a group of servers: at most one for each term, and a new one when the old one is gone.
 *
 * Run it: deno run --allow-net examples/leader_election.ts 127.0.0.1 127.0.0.2 127.0.0.3
 * It needs the same in two other terminals, each with another of the addresses first. End one with Ctrl-C.
 *
 * The election of Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", section 5.2), over
 * TCP, a line each way for every question. Who has heard nothing from a leader for a while, a random one, asks all
 * others for their vote in a new term. Each has one vote a term; with more than half of them it leads, and says so again
 * and again. Whoever hears of a later term follows.
 *
 * See its test for five of them on a network that is cut, held up and crashed.
 */
import {
  BrokenResourceError,
  BufferedStream,
  currentTime,
  failAfter,
  forEach,
  moveOnAfter,
  openNursery,
  openTcpStream,
  run,
  serveTcp,
  sleep,
  TooSlowError,
} from "@trefoil/io";

/** How often a leader says that it is there, in milliseconds. */
const BEAT = 50;
/** How long nothing may be heard of a leader, in milliseconds: at least this, and at most twice as long. */
const PATIENCE = 300;
/** How long an answer may take, in milliseconds. */
const TIMEOUT = 100;

interface Question {
  readonly kind: "vote" | "lead";
  readonly term: number;
  readonly from: string;
}

interface Answer {
  readonly term: number;
  readonly yes: boolean;
}

/** One of the group. */
export class Elector {
  readonly name: string;
  role: "follower" | "candidate" | "leader" = "follower";
  term = 0;
  readonly #others: readonly string[];
  readonly #port: number;
  readonly #hostname: string;
  readonly #onLead: (term: number) => void;
  /** To whom it has given its vote in this term. */
  #vote: string | null = null;
  /** When it last heard of a leader, or gave its vote. */
  #heard = 0;

  /** Its name, and those of the others, lead to them. `onLead` is called when it is elected. */
  constructor(
    name: string,
    others: readonly string[],
    { port = 7_000, hostname = "0.0.0.0", onLead = (_term: number): void => {} } = {},
  ) {
    this.name = name;
    this.#hostname = hostname;
    this.#others = others;
    this.#port = port;
    this.#onLead = onLead;
  }

  /** Takes part until it is cancelled. */
  async run(): Promise<void> {
    await openNursery((nursery) => {
      nursery.startSoon(() => this.#listen());
      nursery.startSoon(() => this.#watch());
    });
  }

  async #listen(): Promise<void> {
    await serveTcp(async (stream) => {
      const question = JSON.parse(await new BufferedStream(stream).receiveUntil("\n").then(text)) as Question;
      await stream.sendText(`${JSON.stringify(this.#answer(question))}\n`);
    }, { hostname: this.#hostname, port: this.#port, handlerTimeout: TIMEOUT, onHandlerError: () => {} });
  }

  async #watch(): Promise<never> {
    while (true) {
      const patience = PATIENCE * (1 + Math.random());
      await sleep(Math.max(0, this.#heard + patience - currentTime()));
      if (currentTime() < this.#heard + patience) continue;
      await this.#stand();
      while (this.role === "leader") {
        const { term } = this;
        await moveOnAfter(BEAT, () => this.#askAll("lead", term));
        await sleep(BEAT);
      }
    }
  }

  /** Stands for election. */
  async #stand(): Promise<void> {
    this.role = "candidate";
    const term = ++this.term;
    this.#vote = this.name;
    this.#heard = currentTime();
    let votes = 1;
    await this.#askAll("vote", term, ({ yes }) => {
      votes += yes ? 1 : 0;
      // Perhaps it has heard of a later term meanwhile.
      if (votes * 2 <= this.#others.length + 1 || this.role !== "candidate" || this.term !== term) return;
      this.role = "leader";
      this.#onLead(term);
    });
  }

  async #askAll(kind: Question["kind"], term: number, heard: (answer: Answer) => void = () => {}): Promise<void> {
    await forEach(this.#others, async (other) => {
      try {
        const answer = await failAfter(TIMEOUT, () => this.#ask(other, { kind, term, from: this.name }));
        this.#follow(answer.term);
        heard(answer);
      } catch (error) {
        // It is down, or out of reach.
        if (!(error instanceof BrokenResourceError || error instanceof TooSlowError)) throw error;
      }
    });
  }

  async #ask(other: string, question: Question): Promise<Answer> {
    using stream = await openTcpStream(other, this.#port);
    await stream.sendText(`${JSON.stringify(question)}\n`);
    return JSON.parse(await new BufferedStream(stream).receiveUntil("\n").then(text));
  }

  #answer({ kind, term, from }: Question): Answer {
    this.#follow(term);
    let yes = term === this.term;
    if (kind === "lead") {
      if (yes) this.role = "follower";
    } else {
      yes &&= this.#vote === null || this.#vote === from;
      if (yes) this.#vote = from;
    }
    if (yes) this.#heard = currentTime();
    return { term: this.term, yes };
  }

  /** Whoever is of a later term knows more. */
  #follow(term: number): void {
    if (term <= this.term) return;
    this.term = term;
    this.role = "follower";
    this.#vote = null;
  }
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

if (import.meta.main) {
  const [name = "127.0.0.1", ...others] = Deno.args;
  const onLead = (term: number): void => console.log(`${name} leads in term ${term}`);
  await run(() => new Elector(name, others, { hostname: name, onLead }).run());
}
