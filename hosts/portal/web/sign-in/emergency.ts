import { equalSecrets } from '../../../../core/crypto/equal-secrets.ts'
import { HOUR, SECOND } from '../../../../core/runtime/time.ts'
import { emergencyCodeHash } from '../../identity/emergency-code.ts'
import { mayUseEmergencyCode } from '../../identity/permissions.ts'
import { formFields } from '../http/form-fields.ts'
import { askForApproval, type ApprovalParts } from './approval.ts'
import { signInBrowser, type SignInWay } from './finish.ts'
import { intentQuery, parseIntent } from './intent.ts'
import type { SignInContext } from './sign-in-context.ts'
import type { SignInMiddleware } from './sign-in-parts.ts'

/** Lifetime of sessions and tokens from an emergency code: by then the emergency is over, or a new code is made. */
export const EMERGENCY_MS = HOUR

const WAY: SignInWay = {
  name: 'an emergency code',
  identityProviderId: null,
  identityId: null,
  clientTokenLifetimeMs: EMERGENCY_MS,
  sessionLifetimeSeconds: EMERGENCY_MS / SECOND,
}

/**
 * Shows the form for an emergency code, which is made on the portal's own machine and signs an owner or admin in while the
 * provider is down. Wrong guesses are not counted: the code has 93 bits, and counting would let any stranger lock the
 * admin out.
 */
export const askForEmergencyCode: SignInMiddleware = (parts) => async (ctx) => {
  showForm(parts, ctx)
  return Promise.resolve()
}

/** Signs in the owner or admin for whom the submitted emergency code was made. */
export const redeemEmergencyCode: SignInMiddleware = (parts) => async (ctx) => {
  const { store, clock } = parts
  const { account, clientAddress } = ctx.state
  const { code: typed = '', ...fields } = formFields(ctx)
  const verdict = parseIntent(account.slug, fields)
  ctx.state.intent = verdict.ok ? verdict.intent : { as: 'browser', state: '', nonce: '' }
  const hash = emergencyCodeHash(typed)
  const taken = await store.emergencyCodes.take(account.id, (code) => equalSecrets(code.hash, hash), clock.unix())
  const actor = taken === undefined ? undefined : await store.reader(account.id).get('actors', taken.actorId)
  if (actor !== undefined && mayUseEmergencyCode(actor)) {
    const signedIn = { account, actor, way: WAY, signIn: null, intent: ctx.state.intent }
    if (signedIn.intent.as === 'browser') return signInBrowser(parts, ctx, signedIn)
    return askForApproval(parts, ctx, signedIn)
  }
  await store.recordSignIn(account.id, {
    at: clock.unix(),
    action: 'refused',
    reason: 'emergency_code_refused',
    by: { type: 'system', part: 'sign-in' },
    actorId: null,
    identityProviderId: null,
    remoteIp: clientAddress,
  })
  ctx.status = 403
  showForm(
    parts,
    ctx,
    'This is not a live code. Make a new one on the portal’s own machine; it works once, within 10 minutes.',
  )
}

const showForm = ({ pages }: ApprovalParts, ctx: SignInContext, problem?: string): void => {
  const { account, intent } = ctx.state
  pages.render(ctx, 'emergency', {
    account: account.name,
    problem,
    action: `/${account.slug}/sign_in/emergency`,
    kept: [...new URLSearchParams(intentQuery(intent))].map(([name, value]) => ({ name, value })),
    back: `/${account.slug}/sign_in/providers${intentQuery(intent)}`,
  })
}
