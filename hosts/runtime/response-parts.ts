import { failure } from './failure.ts'

/** Reads a response's body to its end. Rejects with the code EMSGSIZE as soon as it exceeds `maxBytes`. */
export const readBody = async (stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    length += chunk.length
    if (length > maxBytes) throw failure('EMSGSIZE', `the answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/** Returns the header fields of a response as text, with the values of a repeated field joined by commas. */
export const textFields = (fields: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : String(value)]],
    ),
  )
