import type { Context } from 'koa'
import { Problem } from './problem.ts'

/**
 * Reads a request's body, which must be UTF-8.
 * @throws Problem 413 above `limit` bytes, 415 for another charset, 400 for bytes that are not UTF-8
 */
export const bodyText = async (ctx: Context, limit: number): Promise<string> => {
  if (!isUtf8(ctx.get('content-type'))) {
    throw new Problem(415, 'unsupported_media_type', 'The body has to be UTF-8: send no other charset.')
  }
  const bytes = await bodyBytes(ctx, limit)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw malformed('The body is not UTF-8.', error)
  }
}

/** Problem of a body that does not have the format that it claims. */
export const malformed = (detail: string, cause?: unknown): Problem =>
  new Problem(400, 'malformed_body', detail, { cause })

const bodyBytes = async (ctx: Context, limit: number): Promise<Uint8Array> => {
  if ((ctx.request.length ?? 0) > limit) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  try {
    // The socket stays open, so that a client that sends too much receives the answer.
    for await (const chunk of ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > limit) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof Problem) throw error
    throw malformed('The body ended early.', error)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (): Problem => new Problem(413, 'body_too_large', 'The body is too large.')

/**
 * Whether a Content-Type names no charset other than UTF-8 (RFC 9110 §8.3.2), in any spelling, even if it names
 * several.
 */
const isUtf8 = (type: string): boolean => {
  const charsets = [...type.matchAll(/;\s*charset\*?\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)/gi)].map(([, value = '']) =>
    value
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .replaceAll(/\\(.)/g, '$1')
      .toLowerCase(),
  )
  return charsets.every((charset) => charset === 'utf-8' || charset === 'utf8')
}
