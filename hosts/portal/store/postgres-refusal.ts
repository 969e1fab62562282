import { OperatorError } from '../../../core/config/operator-error.ts'
import type { PostgresConfig } from './dialect.ts'

/**
 * Translates errors of pg and Node.js into an OperatorError with a remedy; returns any other error unchanged. The text
 * contains neither the password nor the path of its file.
 */
export const postgresRefusal = (error: unknown, { host, port, user, database }: PostgresConfig): unknown => {
  if (error instanceof OperatorError) return error
  const { code = '', message = '' } = error as { code?: string; message?: string }
  const server = host.startsWith('/') ? `PostgreSQL in ${host}` : `PostgreSQL at ${host}:${port}`
  const refused = (name: string, text: string, remedy?: string) =>
    new OperatorError(`DATABASE_${name}`, text, remedy, { cause: error })

  if (code === '28P01')
    return refused('PASSWORD', `${server} refuses the password of the user ${user}.`, PASSWORD_REMEDY)
  if (/client password must be/.test(message)) {
    return refused('PASSWORD', `${server} asks for a password of the user ${user}.`, PASSWORD_REMEDY)
  }
  if (code === '28000') {
    const remedy = message.includes('no encryption') ? 'Write database.tls: true.' : undefined
    return refused('REFUSED', `${server} refuses the user ${user}: ${message}.`, remedy)
  }
  if (code === '3D000')
    return refused('UNKNOWN', `${server} has no database ${database}.`, `Make it: createdb ${database}`)
  if (code === '42501') {
    const remedy = `Make it the owner: ALTER DATABASE ${database} OWNER TO ${user}.`
    return refused('REFUSED', `${server} does not let the user ${user} create tables in ${database}.`, remedy)
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const remedy = 'Name it in database.tls.server_name, if it is the right one.'
    return refused('CERTIFICATE', `The certificate of ${server} is for another name: ${message}`, remedy)
  }
  if (CERTIFICATE_CODES.test(code)) {
    const remedy = 'Name the authority that signed it in database.tls.ca_file, or add it to the system’s store.'
    return refused('CERTIFICATE', `The certificate of ${server} is not trusted: ${message}.`, remedy)
  }
  if (message === 'The server does not support SSL connections') return refused('TLS', `${server} does not speak TLS.`)
  if (SYSTEM_CODES.test(code) || SERVER_CODES.has(code) || TIMEOUTS.test(message)) {
    return refused('UNREACHABLE', `${server} cannot be reached: ${message || code}.`)
  }
  return error
}

const PASSWORD_REMEDY = 'It comes from PORTREEVE_DATABASE_PASSWORD, else from database.password_file.'

// https://nodejs.org/api/tls.html#x509-certificate-error-codes
const CERTIFICATE_CODES = /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|INVALID_CA|INVALID_PURPOSE)/
/** Codes of failed system calls and DNS lookups. */
const SYSTEM_CODES = /^E(?!RR_)[A-Z_0-9]{2,}$/
// https://www.postgresql.org/docs/current/errcodes-appendix.html: too many connections, shutting down, crashed, starting up.
const SERVER_CODES = new Set(['53300', '57P01', '57P02', '57P03'])
const TIMEOUTS = /timeout expired|Connection terminated|timed out/
