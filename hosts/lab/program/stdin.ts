import { text } from 'node:stream/consumers'

/** What the lab tells one of its programs: JSON on standard input, as secrets do not belong in an argument. */
export const readInput = async <T>(): Promise<T> => JSON.parse(await text(process.stdin)) as T
