import type {
  Identity,
  KeptState,
  NotedClaim,
  Refusal,
  SignInPrompt,
} from '../../../../core/contract/identity-provider.ts'
import type { UnixTime } from '../../../../core/runtime/time.ts'
import type { IdentityProviderRow } from '../../store/entities.ts'

/** Test of an identity provider by an admin: a sign-in at the provider that signs nobody in. */
export interface ProviderTest {
  id: string
  /** Session of the admin who makes the test; no other session goes on with it or sees it. */
  sessionId: string
  /** The provider as it is tested, which may not be saved yet. */
  provider: IdentityProviderRow
  /** Body of the API's change that would save what is tested; absent if the provider is tested as it is saved. */
  unsaved?: Readonly<Record<string, unknown>>
  begunAt: UnixTime
  steps: TestStep[]
  /** Statements about the person, as the provider's plugin noted them. */
  claims: NotedClaim[]
  state: ProviderTestState
}

/** Step of a test, with all secrets taken out. */
export interface TestStep {
  text: string
  sent?: Readonly<Record<string, string>>
  came?: Readonly<Record<string, string>>
  /** Time at which it began. */
  at: UnixTime
}

export type ProviderTestState =
  /** The browser is at the provider. */
  | { type: 'away'; keep: KeptState }
  /** A form of the provider's plugin is shown. */
  | { type: 'asks'; prompt: SignInPrompt; keep: KeptState }
  /** The plugin works on an answer. */
  | { type: 'working' }
  | { type: 'refused'; refusal: Refusal }
  | { type: 'identified'; identity: Omit<Identity, 'signOutHint'> }

/** Text of the step at which the browser returns from the provider. */
export const RETURNED = 'The browser came back with our state.'
