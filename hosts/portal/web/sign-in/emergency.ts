import { equalSecrets } from '../../../../core/crypto/equal-secrets.ts'
import { HOUR, SECOND } from '../../../../core/runtime/time.ts'
import { emergencyCodeHash } from '../../identity/emergency-code.ts'
import type { Actor } from '../../store/entities.ts'
import { formFields } from '../http/form-fields.ts'
import { askForApproval, type ApprovalParts } from './approval.ts'
import { signInBrowser, type SignInWay } from './finish.ts'
import { intentQuery, parseIntent } from './intent.ts'
import type { SignInContext } from './step.ts'

/** Short: an emergency is over, or a new code is made. */
const EMERGENCY_MS = HOUR

const WAY: SignInWay = {
  name: 'an emergency code',
  identityProviderId: null,
  identityId: null,
  clientTokenLifetimeMs: EMERGENCY_MS,
  sessionLifetimeSeconds: EMERGENCY_MS / SECOND,
}

/**
 * An admin's way in for the day when the provider is down: a code that was made on the portal's own machine. Of 93 bits, it is safe from
 * guesses; were they counted, a stranger without any account could keep the admin out.
 */
export const emergencySignIn = (parts: ApprovalParts) => {
  const { store, clock, pages } = parts

  const ask = async (ctx: SignInContext, problem?: string): Promise<void> => {
    const { account, intent } = ctx.state
    pages.render(ctx, 'emergency', {
      account: account.name,
      problem,
      action: `/${account.slug}/sign_in/emergency`,
      kept: [...new URLSearchParams(intentQuery(intent))].map(([name, value]) => ({ name, value })),
      back: `/${account.slug}/sign_in/providers${intentQuery(intent)}`,
    })
    return Promise.resolve()
  }

  const redeem = async (ctx: SignInContext): Promise<void> => {
    const { account, clientAddress } = ctx.state
    const { code: typed = '', ...fields } = formFields(ctx)
    const verdict = parseIntent(account.slug, fields)
    ctx.state.intent = verdict.ok ? verdict.intent : { as: 'browser', state: '', nonce: '' }
    const hash = emergencyCodeHash(typed)
    const taken = await store.emergencyCodes.take(account.id, (code) => equalSecrets(code.hash, hash), clock.unix())
    const actor = taken === undefined ? undefined : await store.reader(account.id).get('actors', taken.actorId)
    if (isAdmin(actor)) {
      const signedIn = { account, actor, way: WAY, intent: ctx.state.intent }
      if (signedIn.intent.as === 'browser') await signInBrowser(parts, ctx, signedIn)
      else askForApproval(parts, ctx, signedIn)
      return
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
    await ask(
      ctx,
      'This is not a live code. Make a new one on the portal’s own machine; it is good once, for 10 minutes.',
    )
  }

  return { ask: async (ctx: SignInContext) => ask(ctx), redeem }
}

const isAdmin = (actor: Actor | undefined): actor is Actor =>
  actor !== undefined && !actor.isDisabled && actor.type === 'admin'
