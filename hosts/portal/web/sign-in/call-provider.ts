import type {
  IdentityProvider,
  KeptState,
  SignInDesk,
  SignInStep,
  SignOutStep,
} from '../../../../core/contract/identity-provider.ts'
import { frozenCopy } from '../../../../core/plugin/frozen-copy.ts'
import type { Extension, Extensions } from '../../../../core/contract/extension-point.ts'
import type { Clock } from '../../../../core/runtime/clock.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import type { Metrics } from '../http/metrics.ts'
import type { IdentityProviderRow } from '../../store/entities.ts'
import { callbackUrl, SHARED_CALLBACK_PATH } from './provider-urls.ts'
import { checkedSignOut, checkedStep } from './checked-step.ts'

/** Time limit of a provider's answer, while a person waits. */
const PROVIDER_DEADLINE_MS = 10 * SECOND

export interface ProviderCallParts {
  providers: Extensions<IdentityProvider>
  /**
   * Makes the services that a provider's plugin may use during a sign-in (`SignInDesk`), for a request from an IP
   * address or network (`asker`).
   */
  deskFor: (provider: IdentityProviderRow, asker: string) => SignInDesk
  clock: Clock
  /** URL at which browsers reach the portal, without a slash at the end. */
  publicUrl: string
  metrics: Pick<Metrics, 'observeProvider'>
}

/** Request with which the browser returned from the provider or its form. */
export interface Reply {
  keep: KeptState
  url: string
  fields: Readonly<Record<string, string>>
}

/**
 * Calls an identity provider's plugin for the next step of a sign-in, with a time limit: `proceed` if there is a reply,
 * else `begin`.
 * @throws Error of the plugin, or if it is not loaded, too slow, or gives an invalid answer
 */
export const callProvider = async (
  parts: ProviderCallParts,
  provider: IdentityProviderRow,
  { asker, reply, chooseAccount = false }: { asker: string; reply?: Reply; chooseAccount?: boolean },
): Promise<SignInStep> => {
  const { clock, metrics } = parts
  const begun = clock.now()
  const observe = (outcome: string): void =>
    metrics.observeProvider({ provider: provider.type, outcome, seconds: (clock.now() - begun) / SECOND })
  try {
    const step = await nextStep(parts, provider, { asker, reply, chooseAccount })
    observe(step.type)
    return step
  } catch (error) {
    observe('failed')
    throw error
  }
}

/**
 * Calls an identity provider's plugin to end a person's session at the provider, with a time limit.
 * @param about `hint` is the sign-in's `signOutHint`, `returnUrl` the page that the browser may come back to
 * @throws Error of the plugin, or if it is not loaded, too slow, or gives an invalid answer
 */
export const callSignOut = async (
  { providers, clock }: Pick<ProviderCallParts, 'providers' | 'clock'>,
  provider: IdentityProviderRow,
  { hint, returnUrl }: { hint: string | undefined; returnUrl: string },
): Promise<SignOutStep> => {
  const { value, settings } = extensionOf(providers, provider)
  if (value.signOut === undefined) return { type: 'done' }
  const signal = AbortSignal.timeout(PROVIDER_DEADLINE_MS)
  const request = { settings, returnUrl, now: clock.unix(), signal, ...(hint === undefined ? {} : { hint }) }
  return checkedSignOut(await withinDeadline(Promise.resolve(value.signOut(request)), signal))
}

/** Finds the plugin of a provider, and the provider's settings as that reads them. @throws Error if they do not fit */
const extensionOf = (
  providers: ProviderCallParts['providers'],
  provider: IdentityProviderRow,
): { extension: Extension<IdentityProvider>; value: IdentityProvider; settings: unknown } => {
  const extension = providers.get(provider.type)
  if (extension === undefined) throw new Error(`no plugin provides the identity provider "${provider.type}"`)
  const settings = extension.settings.safeParse(provider.settings)
  if (!settings.ok) {
    const paths = settings.problems.map(({ path }) => path).join(', ')
    throw new Error(`the settings do not fit the plugin: ${paths}`)
  }
  return { extension, value: extension.value, settings: settings.settings }
}

const nextStep = async (
  { providers, deskFor, clock, publicUrl }: ProviderCallParts,
  provider: IdentityProviderRow,
  { asker, reply, chooseAccount }: { asker: string; reply: Reply | undefined; chooseAccount: boolean },
): Promise<SignInStep> => {
  const { extension, value, settings } = extensionOf(providers, provider)
  const signal = AbortSignal.timeout(PROVIDER_DEADLINE_MS)
  const request = {
    settings,
    callbackUrl: callbackUrl(publicUrl, provider),
    sharedCallbackUrl: `${publicUrl}${SHARED_CALLBACK_PATH}`,
    now: clock.unix(),
    signal,
    desk: deskFor(provider, asker),
  }
  const asked =
    reply === undefined
      ? value.begin({ ...request, chooseAccount })
      : value.proceed({ ...request, ...frozenCopy(reply), keep: kept(extension, reply.keep) })
  const step = checkedStep(await withinDeadline(Promise.resolve(asked), signal))
  if (step.type === 'redirect' || step.type === 'prompt') kept(extension, step.keep)
  return step
}

/** Validates the provider's kept state with its own schema: state from another version of the plugin may not fit. */
const kept = ({ keep }: Extension<IdentityProvider>, value: KeptState): KeptState => {
  const verdict = keep.safeParse(value)
  if (verdict.ok) return verdict.settings as KeptState
  const problems = verdict.problems.map(({ path, message }) => `${path}: ${message}`)
  throw new Error(`its kept state does not fit its schema: ${problems.join('; ')}`)
}

const withinDeadline = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('it took too long')), { once: true })
    work.then(resolve, reject)
  })
