import { token } from '../di.ts'

/**
 * Authorities whose certificates are believed, as a port for plugins that open TLS by a library of their own: the roots of Node.js, the operating
 * system's store, and those of NODE_EXTRA_CA_CERTS and SSL_CERT_FILE.
 */
export interface TrustedAuthorities {
  /** Certificates in PEM, for the option `ca` of TLS. Reads the files anew: ask at each connection, as authorities come and go. */
  pem: () => readonly string[]
}

export const TrustedAuthorities = token<TrustedAuthorities>('trusted-authorities')
