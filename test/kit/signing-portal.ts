import { OPENID_CLIENT, OpenidProvider } from './openid-provider.ts'
import { PortalFixture } from './portal-fixture.ts'

/** A portal whose people sign in at a real OpenID provider. */
export class SigningPortal {
  readonly portal: PortalFixture
  readonly #openid: OpenidProvider
  /** The provider's row. */
  readonly provider: { id: string }

  private constructor(portal: PortalFixture, openid: OpenidProvider, provider: { id: string }) {
    this.portal = portal
    this.#openid = openid
    this.provider = provider
  }

  static async start(): Promise<SigningPortal> {
    const portal = await PortalFixture.start()
    const openid = await OpenidProvider.start({ redirectUris: [`${portal.url}/auth/oidc/callback`] })
    const { id: client_id, secret: client_secret } = OPENID_CLIENT
    const provider = await portal.create('/identity_providers', {
      name: 'Example ID',
      type: 'oidc',
      settings: { issuer: openid.issuer, client_id, client_secret, allow_http: true },
    })
    return new SigningPortal(portal, openid, provider)
  }

  async stop(): Promise<void> {
    await this.#openid.stop()
    await this.portal.stop()
  }
}
