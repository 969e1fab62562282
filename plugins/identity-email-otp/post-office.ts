import { createTransport, type Transporter } from 'nodemailer'
import type { Logger, SecretFiles, TrustedAuthorities } from 'portreeve'
import type { Config } from './config.ts'

/** More than these are not on their way at once: a mail server that hangs must not fill the memory. */
const MAX_MAILS_UNDER_WAY = 100

export interface PostOfficePorts {
  logger: Logger
  secretFiles: SecretFiles
  authorities: TrustedAuthorities
}

/** Sends codes. It lets nobody wait: how long a mail takes must not tell whether one is sent. */
export class PostOffice {
  readonly #config: Config
  readonly #logger: Logger
  readonly #secretFiles: SecretFiles
  readonly #authorities: TrustedAuthorities
  #password = ''
  /** The authorities that the connections of the transporter believe, and it. */
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

  /** Puts a code into the post. A failure is the operator's to hear of, in the log. */
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
      // An address is only ever an address here: never a list, a name, or a header.
      to: { name: '', address: to },
      subject: 'Your sign-in code',
      text: letter(code),
    })
  }

  /** Connections are kept for the next mail, but for those that were made under other authorities. */
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
