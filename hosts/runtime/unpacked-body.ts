import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, type ZlibOptions } from 'node:zlib'
import { failure } from './failure.ts'

type Unpack = (packed: Uint8Array, options: ZlibOptions) => Promise<Buffer>

const UNPACK: Readonly<Record<string, Unpack>> = {
  gzip: promisify<Uint8Array, ZlibOptions, Buffer>(gunzip),
  'x-gzip': promisify<Uint8Array, ZlibOptions, Buffer>(gunzip),
  deflate: promisify<Uint8Array, ZlibOptions, Buffer>(inflate),
  br: promisify<Uint8Array, ZlibOptions, Buffer>(brotliDecompress),
}

/**
 * Undoes a body's Content-Encoding; some servers compress although they were not asked to. Rejects with the code
 * EMSGSIZE if the result exceeds `maxBytes`, EBADMSG if it cannot be unpacked.
 */
export const unpacked = async (
  body: Uint8Array,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Uint8Array> => {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity' || body.length === 0) return new Uint8Array(body)
  const unpack = Object.hasOwn(UNPACK, name) ? UNPACK[name] : undefined
  if (unpack === undefined) throw failure('EBADMSG', 'the answer is encoded in a way that was not asked for')
  try {
    return new Uint8Array(await unpack(body, { maxOutputLength: maxBytes }))
  } catch (error) {
    const isTooLong = (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE'
    throw isTooLong
      ? failure('EMSGSIZE', `the answer has more than ${maxBytes} bytes`, error)
      : failure('EBADMSG', 'the answer cannot be unpacked', error)
  }
}
