import { connectRefusal } from '../../core/control/connect-request.ts'
import { problemOfFailure, type PortalProblem } from '../../core/control/portal-problem.ts'
import { DAY, SECOND, type UnixTime } from '../../core/runtime/time.ts'
import type { PortalProbe } from '../runtime/index.ts'
import { durationText } from './path-line.ts'
import { fine, note, wrong, type Finding, type Part } from './finding.ts'

/** Difference of clocks that matters: sign-ins, certificates and proofs of device keys bear times. */
const CLOCK_MATTERS_MS = 30 * SECOND
/** Rest of a certificate's life that is worth to know. */
const SOON_MS = 14 * DAY

/** Says what an attempt to reach the portal has shown. */
export const portalFindings = (probe: PortalProbe, now: UnixTime): Finding[] => {
  const problem = problemOf(probe, now)
  const { hostname } = new URL(probe.url)
  const name =
    probe.addresses.length > 0
      ? [fine('name', `${hostname} is ${probe.addresses.join(', ')}.`)]
      : problem?.step === 'name'
        ? []
        : [note('name', `${hostname} has no address that this machine finds; the proxy may know one.`)]
  return [
    ...name,
    problem === undefined
      ? fine('portal', `The portal answers at ${probe.url}${by(probe)}, after ${probe.ms} ms.`)
      : wrong(partOf(problem), problem.code, `${problem.url}: ${problem.said}${by(probe)}.`, problem.remedy),
    ...certificateFindings(probe, now),
    ...clockFindings(probe),
  ]
}

/** Returns why the portal is not reached; undefined where a portal has refused the request because it had no token. */
const problemOf = ({ url, answer, failure }: PortalProbe, now: UnixTime): PortalProblem | undefined => {
  if (failure !== undefined) return problemOfFailure(failure, { url })
  if (answer === undefined) return undefined
  const { code, problem } = connectRefusal(answer, { url, now })
  return code === undefined ? problem : undefined
}

const partOf = ({ step }: PortalProblem): Part => (step === 'name' ? 'name' : 'portal')

const by = ({ proxy }: PortalProbe): string => (proxy === undefined ? '' : ` by the proxy ${proxy}`)

const certificateFindings = ({ certificate, url, failure }: PortalProbe, now: UnixTime): Finding[] => {
  if (certificate === undefined) {
    return url.startsWith('ws:')
      ? [note('portal', 'It is reached without TLS: whoever is on the way reads tokens.', 'Use https in portal_url.')]
      : []
  }
  const { subject, issuer, validTo } = certificate
  const left = Date.parse(validTo) - now
  const said = `Its certificate is for ${subject}, by ${issuer}, until ${validTo}`
  if (failure !== undefined) return [note('portal', `${said}.`)]
  return left < SOON_MS
    ? [note('portal', `${said}: ${durationText(left)} from here.`, 'Have it renewed.')]
    : [fine('portal', `${said}.`)]
}

const clockFindings = ({ clockAheadMs: ahead }: PortalProbe): Finding[] => {
  if (ahead === undefined) return []
  if (Math.abs(ahead) < CLOCK_MATTERS_MS) return [fine('clock', 'The clocks of this machine and the portal agree.')]
  const said = `This machine’s clock is ${durationText(Math.abs(ahead))} ${ahead > 0 ? 'behind' : 'ahead of'} the portal’s.`
  return [wrong('clock', 'clock_differs', said, 'Set it, by NTP: timedatectl set-ntp true. Or have the portal’s set.')]
}
