import { createTransport, type Transporter } from 'nodemailer'
import type { Logger, SecretFiles, TrustedAuthorities } from 'portreeve'
import type { Config } from './config.ts'

/** Maximum of mails being sent at once, so that a mail server that hangs does not fill the memory. */
const MAX_MAILS_UNDER_WAY = 100

export interface PostOfficePorts {
  logger: Logger
  secretFiles: SecretFiles
  authorities: TrustedAuthorities
}

/** Sends codes by mail. Callers do not wait for a mail, as the time would reveal whether one is sent. */
export class PostOffice {
  readonly #config: Config
  readonly #logger: Logger
  readonly #secretFiles: SecretFiles
  readonly #authorities: TrustedAuthorities
  #password = ''
  /** Connections to the mail server, and the certificate authorities that they trust. */
  #connected: { authorities: string; transporter: Transporter } | undefined
  #underWay = 0

  constructor(config: Config, { logger, secretFiles, authorities }: PostOfficePorts) {
    this.#config = config
    this.#secretFiles = secretFiles
    this.#authorities = authorities
    this.#logger = logger
  }

  async open(): Promise<void> {
    const { password_file: passwordFile } = this.#config.smtp
    if (passwordFile === undefined) return
    const file = { path: passwordFile, name: 'identity-email-otp: smtp.password_file' }
    this.#password = (await this.#secretFiles.read(file)).reveal()
  }

  close(): void {
    this.#connected?.transporter.close()
    this.#connected = undefined
  }

  /** Starts to send a code and returns at once. A failure is logged. */
  post(to: string, code: string): void {
    if (this.#underWay >= MAX_MAILS_UNDER_WAY) {
      this.#logger.warn({ underWay: this.#underWay }, 'a sign-in code was not sent: too many mails are under way')
      return
    }
    this.#underWay++
    this.#send(to, code)
      .catch((error: unknown) => {
        const { code: reason } = error as { code?: string }
        this.#logger.warn({ reason }, 'a sign-in code could not be sent')
      })
      .finally(() => this.#underWay--)
  }

  async #send(to: string, code: string): Promise<void> {
    await this.#transporter().sendMail({
      from: this.#config.from,
      // Passed as an object, so that an address is not parsed as a list or with a name.
      to: { name: '', address: to },
      subject: 'Your sign-in code',
      text: letter(code),
    })
  }

  /** Returns connections to the mail server, reused until the trusted certificate authorities change. */
  #transporter(): Transporter {
    const ca = [...this.#authorities.pem()]
    const authorities = ca.join()
    if (this.#connected?.authorities === authorities) return this.#connected.transporter
    this.close()
    const { host, port, tls, user } = this.#config.smtp
    const transporter = createTransport({
      host,
      port,
      secure: tls === 'always',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'never',
      pool: true,
      tls: { ca },
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
      disableFileAccess: true,
      disableUrlAccess: true,
      ...(user === undefined ? {} : { auth: { user, pass: this.#password } }),
    })
    transporter.on('error', ({ code: reason }: { code?: string }) => {
      this.#logger.warn({ reason }, 'the mail server failed')
    })
    this.#connected = { authorities, transporter }
    return transporter
  }
}

const letter = (code: string): string => `Your sign-in code:

    ${code.slice(0, 3)} ${code.slice(3)}

It is good for 15 minutes, once, and only in the browser that asked for it. Nobody will ever ask you for it.
If you did not ask for a code, somebody mistyped their address; you need do nothing.
`
