import { OperatorError } from '../config/operator-error.ts'
import type { Tunnel, TunnelKeys, TunnelOptions, TunnelTransport } from '../contract/tunnel-transport.ts'
import { readAnswer } from './caught-promises.ts'
import { errorText } from './error-text.ts'
import { synchronousAnswer } from './synchronous-answer.ts'
import type { Random } from '../runtime/random.ts'

const KEY_BYTES = 32

/**
 * Has a tunnel transport generate a key pair, and returns copies of the keys.
 * @throws OperatorError PLUGIN_KEYS if the plugin throws, or returns anything but two keys of 32 bytes
 */
export const generatedKeys = (transport: Pick<TunnelTransport, 'generateKeys'>, random: Random): TunnelKeys => {
  const { privateKey, publicKey } = called('PLUGIN_KEYS', 'makes no keys', () =>
    readAnswer(synchronousAnswer(transport.generateKeys(lent(random))), ['privateKey', 'publicKey']),
  )
  if (isKey(privateKey) && isKey(publicKey)) {
    return { privateKey: new Uint8Array(privateKey), publicKey: new Uint8Array(publicKey) }
  }
  throw new OperatorError('PLUGIN_KEYS', 'the tunnel transport made no pair of keys of 32 bytes each.', REMEDY)
}

const isKey = (key: unknown): key is Uint8Array => key instanceof Uint8Array && key.length === KEY_BYTES

/**
 * Has a tunnel transport create this end of its tunnels.
 * @throws OperatorError PLUGIN_TUNNEL if the plugin throws, or returns something else than a tunnel
 */
export const createdTunnel = (transport: Pick<TunnelTransport, 'createTunnel'>, options: TunnelOptions): Tunnel => {
  const handed = { ...options, privateKey: new Uint8Array(options.privateKey), random: lent(options.random) }
  const { tunnel, missing } = called('PLUGIN_TUNNEL', 'makes no tunnel', () => {
    const made = synchronousAnswer<Tunnel | undefined>(transport.createTunnel(Object.freeze(handed)))
    return { tunnel: made, missing: VERBS.find((verb) => typeof made?.[verb] !== 'function') }
  })
  if (tunnel !== undefined && missing === undefined) return tunnel
  throw new OperatorError('PLUGIN_TUNNEL', `the tunnel transport made a tunnel without \`${missing ?? ''}\`.`, REMEDY)
}

/** Wraps the host's random source, so that a plugin cannot replace its methods. */
const lent = (random: Random): Random => Object.freeze({ bytes: (length: number) => random.bytes(length) })

const VERBS = ['handle', 'wake', 'poll', 'deadline', 'counters'] as const
const REMEDY = 'Install a version of its plugin that fits.'

const called = <T>(code: string, what: string, call: () => T): T => {
  try {
    return call()
  } catch (error) {
    throw new OperatorError(code, `the tunnel transport ${what}: ${errorText(error)}`, REMEDY)
  }
}
