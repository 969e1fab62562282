import { OpenidProvider, type AddedProvider } from './openid-provider.ts'
import { PortalFixture } from './portal-fixture.ts'

/** A portal whose people sign in at a real OpenID provider. */
export class SigningPortal {
  readonly portal: PortalFixture
  readonly #openid: OpenidProvider
  /** The provider as the portal's API shows it. */
  readonly provider: AddedProvider

  private constructor(portal: PortalFixture, openid: OpenidProvider, provider: AddedProvider) {
    this.portal = portal
    this.#openid = openid
    this.provider = provider
  }

  static async start(): Promise<SigningPortal> {
    const portal = await PortalFixture.start()
    const openid = await OpenidProvider.start()
    return new SigningPortal(portal, openid, await openid.addTo(portal))
  }

  async stop(): Promise<void> {
    await this.#openid.stop()
    await this.portal.stop()
  }
}
