import { Agent, request } from 'node:http'
import type { Router } from '@koa/router'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { apiEndpoints } from '../../../hosts/portal/web/api/router.ts'
import { myRoutes } from '../../../hosts/portal/web/my/routes.ts'
import { signInRoutes } from '../../../hosts/portal/web/sign-in/routes.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'

const ID = '00000000-0000-4000-8000-000000000000'
interface Answer {
  status: number
  location: string | undefined
  body: string
}

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Spellings of a path that a router, a proxy or a person may take for the same path. */
const spellings = (path: string): string[] => {
  const last = path.length - 1
  const encoded = (at: number): string =>
    `${path.slice(0, at)}%${path.charCodeAt(at).toString(16).padStart(2, '0')}${path.slice(at + 1)}`
  const slash = path.indexOf('/', 1)
  return [
    path,
    path.toUpperCase(),
    path.replace(/[a-z]/, (letter) => letter.toUpperCase()),
    path.replace(/\/([a-z])(?=[^/]*$)/, (_, letter: string) => `/${letter.toUpperCase()}`),
    `${path}/`,
    `${path}//`,
    `/${path}`,
    `${path.slice(0, Math.max(slash, 0))}/${path.slice(Math.max(slash, 0))}`,
    `${path.slice(0, Math.max(slash, 0))}%2F${path.slice(Math.max(slash, 0) + 1)}`,
    `${path.slice(0, Math.max(slash, 0))}%2f${path.slice(Math.max(slash, 0) + 1)}`,
    `/.${path}`,
    `/x/..${path}`,
    `/x/%2e%2e${path}`,
    `${path}/.`,
    `${path}/x/..`,
    encoded(1),
    encoded(last),
    `${path};x=1`,
    `${path}%20`,
    `${path}%00`,
    `${path}.json`,
    `\\${path.slice(1)}`,
    `http://portal${path}`,
    `HTTP://PORTAL${path}/`,
    `${path}#x`,
  ]
}

/** Whether an answer to OPTIONS only lists the methods, which anybody may ask for. */
const tellsMethods = (method: string, { status, body }: Answer): boolean =>
  method === 'OPTIONS' && [200, 204].includes(status) && ['', 'OK'].includes(body)

const pathsOf = (routes: unknown): { method: string; path: string }[] =>
  (routes as { router: Router }).router.stack.flatMap(({ methods, path }) =>
    methods
      .filter((method) => method !== 'HEAD')
      .map((method) => ({
        method,
        path: String(path).replace(':account', 'example').replace(':kind', 'email-otp').replace(':id', ID),
      })),
  )
// Only the paths are read: no route runs, so the stand-ins are never used.
const signInPaths = pathsOf(signInRoutes({ limitSteps: async () => Promise.resolve() } as never))
const myPaths = pathsOf(myRoutes({} as never))

describe('addresses in odd spellings', function () {
  this.timeout(600_000)
  // Connections are kept: opening one takes longer than most answers.
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  let portal: PortalFixture
  before(async () => {
    portal = await PortalFixture.start({
      config: {
        rate_limit: { burst: 1_000_000, per_second: 100_000, sign_in_burst: 5, sign_in_per_second: 0.000_1 },
      },
    })
  })
  after(async () => {
    agent.destroy()
    await portal.stop()
  })

  const send = (method: string, path: string, authorization?: string): Promise<Answer> => {
    const headers = {
      host: 'portal',
      'content-length': 0,
      ...(authorization === undefined ? {} : { authorization }),
    }
    return new Promise((resolve, reject) => {
      const outgoing = request(portal.url, { method, path, headers, agent, timeout: 60_000 }, (incoming) => {
        const { statusCode: status = 0 } = incoming
        let body = ''
        incoming.setEncoding('utf8').on('data', (text) => (body += text))
        incoming.once('error', reject)
        incoming.once('end', () => resolve({ status, location: incoming.headers.location, body }))
      })
      outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)))
      outgoing.once('error', reject)
      outgoing.end()
    })
  }

  it('no spelling of an operation of the API, and no method, passes by its authentication', async () => {
    const operations = apiEndpoints({ providers: new Map(), conditions: new Map(), selectors: new Map() } as never)
    const paths = [...new Set(operations.map(({ path }) => `/api/v1${path.replaceAll(/:\w+/g, ID)}`))]
    expect(paths.length).to.be.above(30)
    const passed: string[] = []
    for (const path of paths) {
      await Promise.all(
        spellings(path).map(async (spelled) => {
          for (const method of METHODS) {
            const answer = await send(method, spelled)
            if (tellsMethods(method, answer) || [400, 401, 404, 405].includes(answer.status)) continue
            passed.push(`${method} ${spelled}: ${JSON.stringify(answer)}`)
          }
        }),
      )
    }
    expect(passed).to.deep.equal([])
  })

  it('an operation of the API has one spelling', async () => {
    const bearer = `Bearer ${portal.token}`
    const [, ...odd] = spellings('/api/v1/sites')
    for (const spelled of odd) {
      // RFC 9112 §3.2.2: an absolute target is no other spelling; a fragment is none of the server's.
      const isTheSame = spelled === 'http://portal/api/v1/sites' || spelled.endsWith('#x')
      const answer = await send('GET', spelled, bearer)
      expect(answer.status, spelled).to.be.oneOf(isTheSame ? [200] : [400, 404])
    }
  })

  it('no spelling of a step of a sign-in passes by its limit', async () => {
    const isStep = ({ method, path }: { method: string; path: string }): boolean =>
      method === 'POST' || path.startsWith('/auth/') || path.endsWith(ID)
    const steps = signInPaths.filter(isStep)
    expect(steps.length).to.be.above(4)
    for (let taken = 0; taken < 6; taken++) await send('POST', '/example/sign_in/emergency')
    for (const { method, path } of steps) {
      expect((await send(method, path)).status, `${method} ${path}`).to.equal(429)
      for (const spelled of spellings(path)) {
        for (const other of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
          const answer = await send(other, spelled)
          expect(answer.status, `${other} ${spelled}: ${JSON.stringify(answer)}`).to.be.oneOf([400, 404, 405, 429])
        }
      }
    }
  })

  it('no spelling of a person’s own pages and forms passes by her session', async () => {
    expect(myPaths.length).to.be.above(6)
    for (const { method, path } of myPaths) {
      expect((await send(method, path)).status, `${method} ${path}`).to.equal(302)
      for (const spelled of spellings(path)) {
        for (const other of METHODS) {
          const answer = await send(other, spelled)
          if (tellsMethods(other, answer)) continue
          expect(answer.status, `${other} ${spelled}: ${JSON.stringify(answer)}`).to.be.oneOf([302, 400, 404, 405])
          if (answer.status === 302) expect(answer.location).to.match(/^\/example\?redirect_to=/)
        }
      }
    }
  })
})
