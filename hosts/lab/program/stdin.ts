import { text } from 'node:stream/consumers'

/** Reads a program's input: JSON on standard input, as it may have secrets, which do not belong in arguments. */
export const readInput = async <T>(): Promise<T> => JSON.parse(await text(process.stdin)) as T
