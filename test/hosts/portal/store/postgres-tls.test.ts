import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Browser } from '../../../kit/browser.ts'
import { makeAuthority, type Authority } from '../../../kit/certificate.ts'
import { PortalProcess } from '../../../kit/portal-process.ts'
import { Postgres } from '../../../kit/postgres.ts'

const PASSWORD = 'correct horse: battery/staple'

describe('a portal on a PostgreSQL that wants TLS and a password', function () {
  this.timeout(300_000)
  let authority: Authority
  let postgres: Postgres | undefined
  let port: number
  let portal: PortalProcess

  before(async function () {
    authority = await makeAuthority()
    ;({ postgres, port } = await Postgres.startSecured(await authority.issue(['127.0.0.1']), this))
    await postgres.query(`CREATE ROLE portal LOGIN PASSWORD '${PASSWORD}'`)
    await postgres.query('CREATE DATABASE portal OWNER portal')
    portal = await PortalProcess.configure({})
    await file('ca.pem', authority.cert)
    await file('password', `${PASSWORD}\n`)
    await configure({})
  })
  after(async () => {
    await portal?.remove()
    await postgres?.stop()
  })

  const file = async (name: string, text: string): Promise<void> =>
    writeFile(join(portal.folder, name), text, { mode: 0o600 })

  const configure = async (changed: object): Promise<void> =>
    portal.write({
      database: {
        driver: 'pg',
        host: '127.0.0.1',
        port,
        user: 'portal',
        database: 'portal',
        password_file: 'password',
        tls: { ca_file: 'ca.pem' },
        ...changed,
      },
    })

  /** Runs a command that needs the rows; returns its exit code and its error text. */
  const refusal = async (changed: object): Promise<{ code: number; told: string }> => {
    await configure(changed)
    const { code, told, printed } = await portal.runHere('emergency-code', '--account', 'example')
    expect(printed).to.equal('')
    expect(told).not.to.contain(PASSWORD)
    return { code, told }
  }

  it('a portal keeps its rows on PostgreSQL over TLS, and shows the password nowhere', async () => {
    await portal.init()
    await portal.start()
    expect((await fetch(`${portal.url}/readyz`)).status).to.equal(200)
    const ssl = await postgres?.query(
      `SELECT ssl, count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'portal' GROUP BY ssl`,
    )
    expect(ssl?.rows.map((row: { ssl: boolean }) => row.ssl)).to.deep.equal([true])

    const { printed } = await portal.run('emergency-code', '--account', 'example', '--json')
    const { code } = JSON.parse(printed) as { code: string }
    const answer = await new Browser().send(`${portal.url}/example/sign_in/emergency`, { form: { code } })
    expect(answer.status).to.equal(302)

    expect(await readFile(`/proc/${portal.pid}/cmdline`, 'utf8')).not.to.contain(PASSWORD)
    expect(await readFile(`/proc/${portal.pid}/environ`, 'utf8')).not.to.contain(PASSWORD)
    await portal.stop()
    expect(portal.output).not.to.contain(PASSWORD)
  })

  it('a portal takes PostgreSQL’s password from the environment before the file', async () => {
    const other = await PortalProcess.configure(
      {
        database: {
          driver: 'pg',
          host: '127.0.0.1',
          port,
          user: 'portal',
          database: 'portal',
          password_file: 'no-such-file',
          tls: { ca_file: join(portal.folder, 'ca.pem') },
        },
      },
      {
        PORTREEVE_DATABASE_PASSWORD: PASSWORD,
        // A state folder on another machine has another key, and a database is used with one key only.
        PORTREEVE_SECRET_KEY: (await readFile(join(portal.folder, 'state', 'secret-key'), 'utf8')).trim(),
      },
    )
    try {
      expect(await other.runHere('emergency-code', '--account', 'example')).to.include({ code: 0 })
    } finally {
      await other.remove()
    }
  })

  it('a portal trusts the system’s authorities for PostgreSQL, too', async () => {
    const systemFile = join(portal.folder, 'ca.pem')
    const key = (await readFile(join(portal.folder, 'state', 'secret-key'), 'utf8')).trim()
    const database = { driver: 'pg', host: '127.0.0.1', port, user: 'portal', database: 'portal', tls: true }
    const other = await PortalProcess.configure(
      { database },
      { PORTREEVE_DATABASE_PASSWORD: PASSWORD, PORTREEVE_SECRET_KEY: key, SSL_CERT_FILE: systemFile },
    )
    try {
      const { code, told } = await other.run('emergency-code', '--account', 'example')
      expect(code, told).to.equal(0)
    } finally {
      await other.remove()
    }
  })

  it('a portal says that PostgreSQL’s password is wrong, is missing, or may be read by others', async () => {
    await file('wrong', 'wrong\n')
    expect((await refusal({ password_file: 'wrong' })).told).to.match(
      /^portreeve: DATABASE_PASSWORD: PostgreSQL at 127\.0\.0\.1:\d+ refuses the password of the user portal\. It comes from/,
    )
    expect((await refusal({ password_file: undefined })).told).to.match(/DATABASE_PASSWORD: .* asks for a password/)
    expect((await refusal({ password_file: 'absent' })).told).to.match(
      /SECRET_FILE_MISSING: database\.password_file .*absent is not there/,
    )
    await chmod(join(portal.folder, 'wrong'), 0o644)
    expect((await refusal({ password_file: 'wrong' })).told).to.match(/SECRET_FILE_MODE: .*chmod 600/)
  })

  it('a portal says that PostgreSQL’s certificate is not of an authority that it trusts, or is for another name', async () => {
    await file('other-ca.pem', (await makeAuthority()).cert)
    const strange = /^portreeve: DATABASE_CERTIFICATE: The certificate of PostgreSQL at \S+ is not trusted: .*ca_file/
    expect((await refusal({ tls: { ca_file: 'other-ca.pem' } })).told, 'another authority').to.match(strange)
    expect((await refusal({ tls: true })).told, 'the roots of the system').to.match(strange)
    const misnamed = await refusal({ tls: { ca_file: 'ca.pem', server_name: 'db.example.org' } })
    expect(misnamed.told).to.match(/DATABASE_CERTIFICATE: .* is for another name: .*db\.example\.org/)
    expect((await refusal({ tls: { ca_file: 'password' } })).told).to.match(/DATABASE_CA_FILE: .*holds no certificate/)
    expect((await refusal({ tls: { ca_file: 'absent' } })).told).to.match(/DATABASE_CA_FILE: .*ENOENT/)
  })

  it('a portal says that PostgreSQL refuses it without TLS, has no such database, or is not there', async () => {
    expect((await refusal({ tls: false })).told).to.match(/DATABASE_REFUSED: .*no encryption.* database\.tls: true/)
    expect((await refusal({ database: 'none' })).told).to.match(
      /DATABASE_UNKNOWN: .*has no database none.* createdb none/,
    )
    await postgres?.query('CREATE DATABASE foreign_one')
    expect((await refusal({ database: 'foreign_one' })).told).to.match(
      /DATABASE_REFUSED: .*ALTER DATABASE foreign_one OWNER/,
    )
    const gone = await refusal({ port: 1 })
    expect(gone.told).to.match(/DATABASE_UNREACHABLE: PostgreSQL at 127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/)
    expect(gone.code).to.equal(4)
  })
})
