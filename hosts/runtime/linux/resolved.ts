import { planDomains, type DomainPlan, type LinkDomains } from '../../../core/upkeep/domain-plan.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { GLOBAL, resolvectl } from './resolvectl.ts'
import type { ResolverSettings, ResolverWay } from './resolver-way.ts'

/**
 * Makes systemd-resolved send queries for all names to the tunnel device's servers. It forgets the settings when the
 * device is removed, so a crashed process leaves nothing behind.
 */
export class Resolved implements ResolverWay {
  #settings: ResolverSettings | undefined
  /** Device and servers as last set, as JSON, and all that was shown right after. */
  #servers = ''
  #shown: Shown | undefined
  /** Domains as last set. */
  #domains = ''

  async set(settings: ResolverSettings): Promise<void> {
    const { device, servers } = settings
    this.#settings = settings
    const wanted = JSON.stringify([device, servers])
    const { present, foreign } = await lookAt(device)
    if (wanted !== this.#servers || this.#shown?.dns !== present.dns) {
      await runCommand('resolvectl', ['dns', device, ...servers])
      await runCommand('resolvectl', ['default-route', device, 'yes'])
      await runCommand('resolvectl', ['llmnr', device, 'no'])
      await runCommand('resolvectl', ['mdns', device, 'no'])
      // The client speaks plain DNS and signs nothing, whatever resolved.conf wants of servers by default. A daemon that
      // refuses these settings knows neither.
      for (const setting of ['dnsovertls', 'dnssec']) {
        await runCommand('resolvectl', [setting, device, 'no']).catch(unlessRefused)
      }
      this.#servers = wanted
    }
    const domains = domainsOf(settings, planDomains(settings.names ?? [], foreign))
    await runCommand('resolvectl', ['domain', device, ...domains])
    await runCommand('resolvectl', ['flush-caches'])
    this.#domains = domains.join(' ')
    this.#shown = (await lookAt(device)).present
  }

  /** Compares with the settings as they were shown right after they were made; a restart of the daemon forgets them. */
  async compare(): Promise<Comparison> {
    const [settings, shown] = [this.#settings, this.#shown]
    if (settings === undefined || shown === undefined) return { lacking: ['its settings'], problems: [] }
    const { device } = settings
    const { present, foreign } = await lookAt(device)
    const plan = planDomains(settings.names ?? [], foreign)
    const lacking = [
      ...(present.dns === shown.dns ? [] : [`the servers of ${device} in systemd-resolved`]),
      ...(present.domain === shown.domain ? [] : [`the domains of ${device} in systemd-resolved`]),
      ...(present.dnsovertls === shown.dnsovertls ? [] : [`DNS over TLS of ${device} in systemd-resolved`]),
    ]
    // Another link may have a domain, or one less, since they were set.
    return { lacking, problems: plan.problems, isOutdated: domainsOf(settings, plan).join(' ') !== this.#domains }
  }

  async restore(): Promise<void> {
    const device = this.#settings?.device
    if (device === undefined) return
    this.#settings = undefined
    this.#servers = ''
    try {
      await runCommand('resolvectl', ['revert', device])
      await runCommand('resolvectl', ['flush-caches'])
    } catch (error) {
      unlessRefused(error) // the device or the daemon is gone, and the settings with it
    }
  }
}

/** Settings of the tunnel device as systemd-resolved shows them. */
interface Shown {
  dns: string
  domain: string
  dnsovertls: string
}

/** `~.` routes all names to the device, except those in domains of other links, which the plan is for. */
const domainsOf = ({ searchDomain }: ResolverSettings, { domains }: DomainPlan): string[] => [
  '~.',
  ...(searchDomain === undefined ? [] : [searchDomain]),
  ...domains.filter((domain) => domain !== searchDomain).map((domain) => `~${domain}`),
]

const lookAt = async (device: string): Promise<{ present: Shown; foreign: LinkDomains[] }> => {
  const [dns, domain, tls] = [await resolvectl('dns'), await resolvectl('domain'), await resolvectl('dnsovertls')]
  const foreign: LinkDomains[] = []
  for (const [link, listed] of domain) {
    // A link without servers is not asked.
    if (link === device || (dns.get(link) ?? []).length === 0) continue
    const domains = listed.map((text) => text.replace(/^~/, '').toLowerCase()).filter((text) => text !== '.')
    foreign.push({ link: link === GLOBAL ? 'all links (resolved.conf)' : link, domains })
  }
  const ofDevice = (found: ReadonlyMap<string, readonly string[]>) => (found.get(device) ?? []).join(' ')
  return { present: { dns: ofDevice(dns), domain: ofDevice(domain), dnsovertls: ofDevice(tls) }, foreign }
}

const unlessRefused = (error: unknown): void => {
  if (!(error instanceof CommandError)) throw error
}
