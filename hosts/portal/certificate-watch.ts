import { Gauge, type Registry } from 'prom-client'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Startable } from '../../core/runtime/lifecycle.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import { DAY, SECOND } from '../../core/runtime/time.ts'
import { ServedCertificate, type CertificateFiles } from '../runtime/served-certificate.ts'

/** Time before the end of a certificate from which `/readyz` speaks of it: renewals run weeks before. */
const SOON_MS = 7 * DAY

/** The portal's own certificate, if it does TLS itself, and what is to be said about it. */
export class CertificateWatch implements Startable {
  /** The certificate; undefined without TLS. */
  readonly served: ServedCertificate | undefined
  readonly #clock: Clock

  /** Reads the files. @throws OperatorError PORTAL_CERTIFICATE */
  constructor(files: CertificateFiles | undefined, { clock, logger }: { clock: Clock; logger: Logger }) {
    this.#clock = clock
    this.served = files === undefined ? undefined : new ServedCertificate({ files, role: 'portal', clock, logger })
  }

  start(): void {
    this.served?.start()
  }

  stop(): void {
    this.served?.stop()
  }

  /** Looks whether the files have changed, without waiting for the next regular look. */
  look(): void {
    this.served?.look({ isAsked: true })
  }

  /** Returns sentences about what is wrong with the certificate. They name no file, as anybody may ask `/readyz`. */
  notes(): string[] {
    const { served } = this
    if (served === undefined) return []
    const left = served.validTo - this.#clock.unix()
    return [
      ...(served.problem === undefined ? [] : ['The renewed certificate cannot be used; the portal’s log says why.']),
      ...(left <= 0
        ? ['The certificate has expired.']
        : left < SOON_MS
          ? ['The certificate expires within a week.']
          : []),
    ]
  }

  /** Registers the gauge of the certificate's end. */
  measure(registry: Registry): void {
    const { served } = this
    if (served === undefined) return
    const gauge = new Gauge({
      name: 'portreeve_portal_certificate_expiry_seconds',
      help: 'End of the validity of the portal’s own certificate, in seconds since 1970.',
      registers: [],
      collect() {
        this.set(served.validTo / SECOND)
      },
    })
    registry.registerMetric(gauge)
  }
}
