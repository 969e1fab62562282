import type {
  UpstreamFailure,
  UpstreamQuery,
  UpstreamResolver,
  UpstreamVerdict,
} from '../contract/upstream-resolver.ts'
import type { Extension } from '../contract/extension-point.ts'
import { splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import { catchPromises, readAnswer } from './caught-promises.ts'
import { errorText } from './error-text.ts'
import { frozenCopy } from './frozen-copy.ts'
import type { PluginFailed } from './plugin-log.ts'
import { synchronousAnswer } from './synchronous-answer.ts'
import { visibleCharacters } from './visible-characters.ts'

const MAX_MESSAGE_BYTES = 0xffff
const MAX_REASON_CHARACTERS = 500
const MAX_SERVERS = 64
const MAX_SERVER_CHARACTERS = 100
const MAX_NAME_CHARACTERS = 200

/**
 * Asks a resolver plugin, and never rejects: the verdict is a failure if the plugin throws, answers with anything but a
 * verdict, or does not give up when the signal aborts.
 * @param failed called with the error that the plugin threw, and for an answer that is no verdict
 */
export const askResolver = async (
  resolver: UpstreamResolver,
  query: UpstreamQuery,
  failed: PluginFailed = () => undefined,
): Promise<UpstreamVerdict> => {
  const { signal } = query
  let stop = (): void => undefined
  const givenUp = new Promise<UpstreamVerdict>((resolve) => {
    stop = () => resolve({ type: 'failed', code: 'aborted', reason: 'given up' })
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
  try {
    const handed = { ...query, settings: frozenCopy(query.settings), message: new Uint8Array(query.message) }
    const verdict = checkedVerdict(await Promise.race([resolver.resolve(handed), givenUp]))
    if (typeof verdict !== 'string') return verdict
    const reason = `the resolver plugin answered with ${verdict}`
    failed('resolve', new TypeError(reason))
    return { type: 'failed', code: 'malformed', reason }
  } catch (error) {
    if (!signal.aborted) failed('resolve', error)
    return { type: 'failed', code: 'unreachable', reason: errorText(error) }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Lists the servers that a resolver plugin finds for settings; undefined if it does not look for servers. There are none
 * if it throws, of which `failed` is told, or names anything but endpoints.
 */
export const discoverServers = (
  resolver: UpstreamResolver,
  settings: unknown,
  failed: PluginFailed = () => undefined,
): readonly Endpoint[] | undefined => {
  if (resolver.discover === undefined) return undefined
  try {
    const found: unknown = synchronousAnswer(resolver.discover(settings))
    catchPromises(found)
    return Array.isArray(found) ? found.slice(0, MAX_SERVERS).filter(isEndpoint) : []
  } catch (error) {
    failed('discover', error)
    return []
  }
}

/** Names an upstream for people, as its plugin does, or else by the plugin's key. */
export const upstreamName = ({ key, value }: Extension<UpstreamResolver>, settings: unknown): string => {
  try {
    const name: unknown = synchronousAnswer(value.describe?.(settings) ?? key)
    catchPromises(name)
    return typeof name === 'string' && name !== '' ? visibleCharacters(name.slice(0, MAX_NAME_CHARACTERS)) : key
  } catch {
    return key
  }
}

const isEndpoint = (value: unknown): value is Endpoint =>
  typeof value === 'string' && value.length <= MAX_SERVER_CHARACTERS && splitEndpoint(value) !== undefined

/** Copies a plugin's answer if it has the shape of a verdict; otherwise returns a text that says what it is. */
const checkedVerdict = (answer: unknown): UpstreamVerdict | string => {
  const { type, message, code, reason } = readAnswer(answer, ['type', 'message', 'code', 'reason'])
  if (type === 'failed') {
    const known = typeof code === 'string' && Object.hasOwn(FAILURES, code) ? (code as UpstreamFailure) : undefined
    if (known === undefined) return 'a failure of no known kind'
    return {
      type,
      code: known,
      reason: typeof reason === 'string' ? visibleCharacters(reason.slice(0, MAX_REASON_CHARACTERS)) : 'no reason',
    }
  }
  if (type === 'notMine') return { type }
  if (type !== 'answered' || !(message instanceof Uint8Array)) return 'no verdict'
  if (message.length > MAX_MESSAGE_BYTES) return 'what is no DNS message'
  return { type, message: new Uint8Array(message) }
}

const FAILURES: Readonly<Record<UpstreamFailure, true>> = {
  timeout: true,
  refused: true,
  unreachable: true,
  untrusted: true,
  malformed: true,
  unsupported: true,
  aborted: true,
}
