/**
 * Sources and sinks without an outside system: what a program already holds, generated records, printing, collecting.
 * Leans on contracts/ and errors/. Read iterable-source.ts first; _async-batches.ts holds the one subtle part.
 */
export { type CollectSink, collectSink } from "./collect-sink.ts"
export { type GenerateOptions, type GeneratorSource, generate } from "./generate.ts"
export { type Items, type IterableSourceOptions, iterableSource } from "./iterable-source.ts"
export { type PrintOptions, type PrintSink, printSink } from "./print-sink.ts"
