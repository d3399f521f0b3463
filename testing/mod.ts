/**
 * Time that tests control.
 *
 * @module
 */

export { simulate, simulated, type SimulateOptions, type Simulation } from "./simulate.ts";
