/** What goes over a connection in memory. */

/** `credit` tells a sender how much the receiver has taken since. */
export type ItemKind = "syn" | "syn-ack" | "ack" | "data" | "credit" | "fin" | "rst";
