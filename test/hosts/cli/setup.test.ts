import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { after, before, beforeEach, describe, it } from 'mocha'
import { parse } from 'yaml'
import { readPortalStart } from '../../../hosts/cli/portal-start.ts'
import { startPortal } from '../../../hosts/portal/main.ts'
import { makeAuthority, type Authority } from '../../kit/certificate.ts'
import { portreeve, type Outcome } from '../../kit/command-line.ts'
import { freePort } from '../../kit/free-port.ts'
import { MailSink } from '../../kit/mail-sink.ts'
import { OPENID_CLIENT, OpenidProvider } from '../../kit/openid-provider.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { Postgres } from '../../kit/postgres.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'

describe('portreeve setup', function () {
  this.timeout(2 * PATIENCE_MS)
  let root: string
  let folder: string
  let port: number
  let authority: Authority

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'portreeve-setup-'))
    authority = await makeAuthority()
  })
  after(() => rm(root, { recursive: true, force: true }))
  beforeEach(async () => {
    folder = await mkdtemp(join(root, 'machine-'))
    port = await freePort('127.0.0.1')
  })

  const at = (...path: readonly string[]): string => join(folder, ...path)
  const folders = () => ['--config-folder', at('etc'), '--state-folder', at('var/portal')]
  const basics = (): string =>
    `--public-url http://127.0.0.1:${port} --admin-email ada@example.org --account example --listen 127.0.0.1:${port}`
  /** Runs it with the words of a line as arguments. */
  const setup = (line = ''): Promise<Outcome> => portreeve(['setup', ...folders(), ...wordsOf(line)])
  const written = (): Promise<string[]> => readdir(folder)

  const secretFile = async (name: string, text: string): Promise<string> => {
    await writeFile(at(name), text, { mode: 0o600 })
    return at(name)
  }

  it('names every flag that is missing where there is nobody to ask', async () => {
    const { code, told } = await setup('--yes')
    expect(code).to.equal(2)
    expect(told).to.include('SETUP_MISSING')
    for (const flag of ['--public-url', '--admin-email', '--tls', '--sign-in']) expect(told).to.include(flag)
    expect(await written()).to.deep.equal([])
  })

  it('answers at a terminal make a portal that runs; a second run changes nothing; both lines make their machines', async () => {
    const answers: [RegExp, string][] = [
      [/Public name/, `http://127.0.0.1:${port}`],
      [/E-mail address/, 'no address'],
      [/no e-mail address[\s\S]*E-mail address/, 'ada@example.org'],
      [/account.*\[example\]/, ''],
      [/TLS.*\[none\]/, ''],
      [/listens.*\[127\.0\.0\.1:\d+\]/, ''],
      [/sign in/, 'later'],
      [/first site/, 'Berlin'],
      [/First resource/, 'wiki.example.org:443'],
    ]
    const ask = (question: string): Promise<string> => {
      const [expected = /never asked/, answer = ''] = answers.shift() ?? []
      expect(question).to.match(expected)
      return Promise.resolve(answer)
    }
    const made = await portreeve(['setup', ...folders()], { ask })
    expect(made.code, made.told).to.equal(0)
    expect(answers).to.deep.equal([])
    expect(made.printed).to.include(`portreeve portal --config ${at('etc/portal.yaml')}`)
    const token = /echo (\S+) \| portreeve gateway setup --portal (\S+)/.exec(made.printed)?.[1] ?? ''
    expect(made.printed).to.match(/code {1,2}\w{5}-/)

    const before = await readFile(at('etc/portal.yaml'), 'utf8')
    const again = await setup()
    expect(again.code).to.equal(0)
    expect(again.printed)
      .to.include('nothing was changed')
      .and.match(/example: people 1, .*sites 1, resources 1/)
    expect(again.printed).not.to.include('echo ')
    expect(await readFile(at('etc/portal.yaml'), 'utf8')).to.equal(before)

    const logger = new RecordingLogger()
    const portal = await startPortal({ ...(await readPortalStart({}, at('etc/portal.yaml'))), logger })
    try {
      const line = wordsOf(`gateway setup --portal ${portal.url} --config-folder ${at('gateway')}`)
      const gateway = await portreeve(line, { readHidden: () => Promise.resolve(`${token}\n`) })
      expect(gateway.code, gateway.told).to.equal(0)
      expect(gateway.printed).to.equal(`Start it: portreeve gateway --config ${at('gateway/gateway.yaml')}`)
      const tokenFile = at('gateway/secrets/gateway/token')
      expect((await stat(tokenFile)).mode & 0o777).to.equal(0o600)
      const folders = [dirname(tokenFile), dirname(dirname(tokenFile))]
      const modes = await Promise.all(folders.map(async (folder) => (await stat(folder)).mode & 0o777))
      expect(modes, 'only the folder of the secret is closed').to.deep.equal([0o700, 0o755])
      expect(await readFile(tokenFile, 'utf8')).to.equal(`${token}\n`)
      const { portal_url, token_file } = parse(await readFile(at('gateway/gateway.yaml'), 'utf8'))
      expect({ portal_url, token_file }).to.deep.equal({ portal_url: portal.url, token_file: tokenFile })
      const repeated = await portreeve(line, {
        readHidden: () => Promise.reject(new Error('it was asked for a token')),
      })
      expect(repeated.told).to.include('Nothing was changed')

      const toClient = `client setup --portal ${portal.url} --account example --config-folder`
      const client = await portreeve(wordsOf(`${toClient} ${at('client')}`))
      expect(client.code, client.told).to.equal(0)
      const { account } = parse(await readFile(at('client/client.yaml'), 'utf8'))
      expect(account).to.equal('example')
    } finally {
      await portal.stop()
    }
    const away = await portreeve(wordsOf(`client setup --portal ${portal.url} --account a --config-folder ${at('x')}`))
    expect(away.told).to.include('SETUP_CHECKS')
    const other = await portreeve(
      wordsOf(`gateway setup --portal https://other.example.org --config-folder ${at('gateway')}`),
    )
    expect(other.told).to.include('SETUP_EXISTS')
  })

  it('a dry run shows what it would write, without secrets, and writes nothing', async () => {
    const mail = await MailSink.start()
    const password = await secretFile('password', 'hush-hush')
    const shown = await setup(
      `--yes --dry-run ${basics()} --sign-in email --smtp-host 127.0.0.1 --smtp-port ${mail.port} --smtp-tls never ` +
        `--smtp-user ada --smtp-password-file ${password} --ignore-checks`,
    )
    await mail.stop()
    expect(shown.code, shown.told).to.equal(0)
    expect(shown.printed).to.include(`# ${at('etc/secrets/portal/smtp-password')} (mode 0600)\n[secret]`)
    expect(shown.printed)
      .to.include('use: builtin:identity-email-otp')
      .and.include(`password_file: ${at('etc')}`)
    expect(shown.printed + shown.told).not.to.include('hush-hush')
    expect(await written()).to.deep.equal(['password'])
  })

  it('an OpenID provider is asked, permitted, and made the account’s, with its secret in no file', async () => {
    const provider = await OpenidProvider.start()
    try {
      const secret = await secretFile('secret', OPENID_CLIENT.secret)
      const made = await setup(
        `--yes ${basics()} --sign-in oidc --issuer ${provider.issuer} --client-id ${OPENID_CLIENT.id} ` +
          `--client-secret-file ${secret} --json`,
      )
      expect(made.code, made.told).to.equal(0)
      const { callback_url, emergency, page } = JSON.parse(made.printed) as Record<string, unknown>
      expect(callback_url).to.match(/^http:\/\/127\.0\.0\.1:\d+\/auth\/callback\//)
      expect(emergency).to.equal(null)
      expect(page).to.equal(`http://127.0.0.1:${port}/example/admin`)
      const text = await readFile(at('etc/portal.yaml'), 'utf8')
      expect(parse(text)).to.have.property('private_networks').that.deep.equals(['127.0.0.1'])
      expect(text).not.to.include(OPENID_CLIENT.secret)
      expect((await setup()).printed).to.include('identity providers 1')
    } finally {
      await provider.stop()
    }
  })

  it('what is wrong is said with what to do, and nothing is written', async () => {
    const [taken, other] = [createServer(), await authority.issue(['other.example.org'])]
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve))
    await mkdir(at('tls'))
    await writeFile(at('tls/cert.pem'), other.cert)
    await writeFile(at('tls/key.pem'), other.key)
    const nobody = String(await freePort('127.0.0.1'))
    const refused = await setup(
      `--yes --public-url https://portal.invalid --admin-email ada@example.org --listen 127.0.0.1:${port} ` +
        `--tls files --certificate ${at('tls/cert.pem')} --key ${at('tls/key.pem')} ` +
        `--sign-in email --smtp-host 127.0.0.1 --smtp-port ${nobody} --smtp-tls never`,
    )
    await new Promise((resolve) => taken.close(resolve))
    expect(refused.code).to.equal(1)
    expect(refused.told).to.match(/note {2}name +portal\.invalid has no address/)
    expect(refused.told).to.match(/WRONG port .*EADDRINUSE/)
    expect(refused.told).to.include('The certificate is for DNS:other.example.org, not for portal.invalid')
    expect(refused.told).to.match(/WRONG sign-in +The mail server 127\.0\.0\.1:\d+ does not take mail/)
    expect(refused.told).to.include('SETUP_CHECKS: 3 things are wrong')
    expect(await written()).to.deep.equal(['tls'])
  })

  it('a provider that names another issuer is refused', async () => {
    const provider = await OpenidProvider.start()
    try {
      const refused = await setup(`--yes ${basics()} --sign-in oidc --client-id x --issuer ${provider.issuer}/`)
      expect(refused.told).to.match(/it names the issuer "http:\/\/[^"]*[^/]", not http/)
    } finally {
      await provider.stop()
    }
  })

  it('where the rows cannot be made, the files are gone again', async () => {
    const refused = await setup(`--yes ${basics()} --account assets --sign-in later --resource 10.20.0.0/16`)
    expect(refused.told).to.include('ACCOUNT_INVALID')
    expect(await readdir(at('etc'))).to.deep.equal([])
    expect(await readdir(at('var'))).to.deep.equal([])
  })

  it('a portal on PostgreSQL has the password in a file of its own', async function () {
    const postgres = await Postgres.shared(this)
    const { host, port: number, user, database } = await postgres.newDatabase()
    const url = await secretFile(
      'url',
      `postgres://${user}:not-asked@localhost/${database}?host=${encodeURIComponent(host)}`,
    )
    const made = await setup(`--yes ${basics()} --sign-in later --database-url-file ${url}`)
    expect(made.code, made.told).to.equal(0)
    const config = parse(await readFile(at('etc/portal.yaml'), 'utf8')) as { database: Record<string, unknown> }
    expect(config.database).to.include({ driver: 'pg', host, port: number, user, database, tls: false })
    expect((await stat(at('etc/secrets/portal/database-password'))).mode & 0o777).to.equal(0o600)
    expect((await setup()).printed).to.include('example: people 1')
  })
})

const wordsOf = (line: string): string[] => line.split(' ').filter((word) => word !== '')
