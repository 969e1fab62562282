import { join } from 'node:path'
import type { SignInReply, SignInRequest } from '../../core/contract/identity-provider.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { Config, type Kept } from '../../plugins/identity-passport/config.ts'
import { PassportProvider } from '../../plugins/identity-passport/passport-provider.ts'
import { packageRoot } from './source-tree.ts'
import { createHttpClient, createSecretFiles } from './ready-ports.ts'
import { RecordingLogger } from './recording-logger.ts'
import { SeededRandom } from './seeded-random.ts'
import { signInDesk } from './sign-in-desk.ts'

export const PASSPORT_FOLDER = join(packageRoot(), 'test/fixture/passport')
export const PASSPORT_CALLBACK = 'http://127.0.0.1:9/auth/callback/an-id'
export const PASSPORT_SECRET = 'a-secret-of-the-tests-only'

let instances = 0

/** Makes a provider of a strategy, not started. */
export const passportProvider = (strategy: object, logger = new RecordingLogger()): PassportProvider => {
  const config = Config.parse({ strategies: { tested: strategy } }).strategies['tested']
  if (config === undefined) throw new Error('no strategy')
  return new PassportProvider(config, {
    key: 'tested',
    folder: PASSPORT_FOLDER,
    random: new SeededRandom(`passport-${instances++}`),
    http: createHttpClient(),
    logger,
    secretFiles: createSecretFiles({ secret: PASSPORT_SECRET }),
  })
}

/** Makes a provider of a strategy, and starts it. */
export const startedPassport = async (strategy: object, logger?: RecordingLogger): Promise<PassportProvider> => {
  const provider = passportProvider(strategy, logger)
  await provider.start()
  return provider
}

/** A request as the portal makes it. */
export const passportRequest = (more: Partial<SignInRequest> = {}): SignInRequest<unknown> => ({
  settings: {},
  callbackUrl: PASSPORT_CALLBACK,
  sharedCallbackUrl: 'http://127.0.0.1:9/shared',
  now: unixTime(Date.now()),
  signal: AbortSignal.timeout(60_000),
  desk: signInDesk(),
  ...more,
})

/** A reply as the portal makes it. */
export const passportReply = (
  keep: Kept,
  back: { url?: string; fields?: Record<string, string> },
  more: Partial<SignInRequest> = {},
): SignInReply<unknown, Kept> => ({
  ...passportRequest(more),
  keep,
  url: back.url ?? PASSPORT_CALLBACK,
  fields: back.fields ?? {},
})
