import { token } from '../di.ts'

/**
 * Trusted certificate authorities, for plugins that open TLS connections by a library of their own: those of Node.js,
 * of the operating system's store, and of NODE_EXTRA_CA_CERTS and SSL_CERT_FILE.
 */
export interface TrustedAuthorities {
  /**
   * Returns the certificates in PEM, for the option `ca` of TLS. Reads the files each time: call it for each
   * connection, as authorities change.
   */
  pem: () => readonly string[]
}

export const TrustedAuthorities = token<TrustedAuthorities>('trusted-authorities')
