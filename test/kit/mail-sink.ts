import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { Certificate } from './certificate.ts'
import { PATIENCE_MS } from './patience.ts'

export interface ReceivedMail {
  to: readonly string[]
  text: string
}

export interface MailSinkOptions {
  /** TLS certificate; without one the server offers no STARTTLS. */
  certificate?: Certificate | undefined
  /** Whether the server speaks TLS from the first byte. */
  isSecure?: boolean
}

/** A real SMTP server on loopback that keeps all mail. */
export class MailSink {
  readonly mails: ReceivedMail[] = []
  readonly #server: SMTPServer
  #arrived: (() => void)[] = []
  /** Pending while mail has to wait. */
  #held: Promise<void> | undefined

  private constructor({ certificate, isSecure = false }: MailSinkOptions) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: certificate === undefined ? ['STARTTLS', 'AUTH'] : ['AUTH'],
      secure: isSecure,
      ...certificate,
      logger: false,
      onData: (stream, session, done) => {
        let text = ''
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8')
        })
        stream.on('end', () => {
          void (this.#held ?? Promise.resolve()).then(() => {
            this.mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), text })
            done()
            for (const tell of this.#arrived.splice(0)) tell()
          })
        })
      },
    })
  }

  static async start(options: MailSinkOptions = {}): Promise<MailSink> {
    const sink = new MailSink(options)
    // A client that distrusts the certificate closes the connection during the handshake.
    sink.#server.on('error', () => undefined)
    await new Promise<void>((resolve) => {
      sink.#server.listen(0, '127.0.0.1', resolve)
    })
    return sink
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port
  }

  /** Takes no mail until the returned function is called. */
  hold(): () => void {
    let release = (): void => undefined
    this.#held = new Promise((resolve) => (release = resolve))
    return () => {
      this.#held = undefined
      release()
    }
  }

  /** Resolves with the mail of that index, once it has arrived. */
  mail(index: number): Promise<ReceivedMail> {
    return this.#first(`mail ${index}`, () => this.mails[index])
  }

  /**
   * Resolves with the newest mail to an address, once there is one: mails to other addresses may still be on their way.
   */
  mailTo(address: string): Promise<ReceivedMail> {
    return this.#first(`mail to ${address}`, () => this.mails.findLast(({ to }) => to.includes(address)))
  }

  async #first(what: string, find: () => ReceivedMail | undefined): Promise<ReceivedMail> {
    const deadline = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const mail = find()
      if (mail !== undefined) return mail
      await new Promise<void>((resolve, reject) => {
        this.#arrived.push(resolve)
        deadline.addEventListener('abort', () => reject(new Error(`${what} did not arrive in ${PATIENCE_MS} ms`)))
      })
    }
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(resolve)
    })
  }
}

/** The sign-in code in a mail of the portal. */
export const codeIn = ({ text }: ReceivedMail): string => {
  const code = /^ {4}(\w{3} \w{3})\r?$/m.exec(text)?.[1]
  if (code === undefined) throw new Error(`no code in: ${text}`)
  return code
}
