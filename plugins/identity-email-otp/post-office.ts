import { createTransport, type Transporter } from 'nodemailer'
import type { Logger, SecretFiles } from 'portreeve'
import type { Config } from './config.ts'

/** More than these are not on their way at once: a mail server that hangs must not fill the memory. */
const MOST_UNDER_WAY = 100

/** Sends codes. It lets nobody wait: how long a mail takes must not tell whether one is sent. */
export class PostOffice {
  readonly #config: Config
  readonly #logger: Logger
  readonly #secretFiles: SecretFiles
  #transporter: Transporter | undefined
  #underWay = 0

  constructor(config: Config, { logger, secretFiles }: { logger: Logger; secretFiles: SecretFiles }) {
    this.#config = config
    this.#secretFiles = secretFiles
    this.#logger = logger
  }

  async open(): Promise<void> {
    const { host, port, tls, user, password_file: passwordFile } = this.#config.smtp
    const file = { path: passwordFile ?? '', name: 'identity-email-otp: smtp.password_file' }
    const pass = passwordFile === undefined ? '' : (await this.#secretFiles.read(file)).reveal()
    this.#transporter = createTransport({
      host,
      port,
      secure: tls === 'always',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'never',
      pool: true,
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
      disableFileAccess: true,
      disableUrlAccess: true,
      ...(user === undefined ? {} : { auth: { user, pass } }),
    })
    this.#transporter.on('error', ({ code: reason }: { code?: string }) => {
      this.#logger.warn({ reason }, 'the mail server failed')
    })
  }

  close(): void {
    this.#transporter?.close()
  }

  /** Puts a code into the post. A failure is the operator's to hear of, in the log. */
  post(to: string, code: string): void {
    const transporter = this.#transporter
    if (transporter === undefined || this.#underWay >= MOST_UNDER_WAY) {
      this.#logger.warn({ underWay: this.#underWay }, 'a sign-in code was not sent: too many mails are under way')
      return
    }
    this.#underWay++
    transporter
      // An address is only ever an address here: never a list, a name, or a header.
      .sendMail({
        from: this.#config.from,
        to: { name: '', address: to },
        subject: 'Your sign-in code',
        text: letter(code),
      })
      .catch((error: unknown) => {
        const { code: reason } = error as { code?: string }
        this.#logger.warn({ reason }, 'a sign-in code could not be sent')
      })
      .finally(() => this.#underWay--)
  }
}

const letter = (code: string): string => `Your sign-in code:

    ${code.slice(0, 3)} ${code.slice(3)}

It is good for 15 minutes, once, and only in the browser that asked for it. Nobody will ever ask you for it.
If you did not ask for a code, somebody mistyped their address; you need do nothing.
`
