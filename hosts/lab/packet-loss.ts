// Scenario in which a fifth of all packets between client and gateway, and between both and the portal, is lost.
import { slowDown } from './slow-cable.ts'
import type { Scenario } from './scenario.ts'
import { clientConnects, gatewayConnects, PORTAL_RUNS } from './setting-up.ts'
import { MACHINES } from './topology.ts'
import { expectThat } from './world.ts'

/** Share of packets lost on the way from the client's machine, and on the way to it. */
const LOSS = 0.2
const PAGES = 20
/** Time that a page may take: TCP repeats what was lost after 1, 2 and 4 s. */
const PAGE_TIMEOUT_MS = 15_000
const PAGE = `http://${MACHINES.files.site}/`

/** Client on a cable that loses packets. */
export const PACKET_LOSS: Scenario = {
  needsProvider: false,
  steps: [
    ...PORTAL_RUNS,
    gatewayConnects({ at: MACHINES['gateway-1'].outside }),
    clientConnects({ at: MACHINES.client.outside }),
    {
      name: 'a page comes through the tunnel',
      run: async (world) => `${(await world.page(PAGE)).ms} ms with connection set-up`,
    },
    {
      name: `the client's cable loses ${LOSS * 100} % in each direction from here on`,
      run: async ({ lab }) => {
        const address = MACHINES.client.outside
        await slowDown(lab.run, { machine: 'client', address, cable: { delayMs: 1, loss: LOSS } })
        // The machines on both sides reach one another by other hardware addresses than before.
        for (const machine of Object.values(lab.machines)) await machine.ip(['neigh', 'flush', 'all'])
        const { stdout } = await lab.machines.client.run('ping', [
          '-c100',
          '-i0.02',
          '-q',
          MACHINES['gateway-1'].outside,
        ])
        const lost = Number(/([\d.]+)% packet loss/.exec(stdout)?.[1])
        expectThat(lost > 15 && lost < 60, `ping says ${lost} %`)
        return `ping says ${lost} % there and back`
      },
    },
    {
      name: `H8 ${PAGES} pages come, and the tunnel stays`,
      run: async (world) => {
        const before = (await world.clientStatus()).gateways[0]
        const took: number[] = []
        for (let page = 0; page < PAGES; page++) took.push((await world.page(PAGE, { timeoutMs: PAGE_TIMEOUT_MS })).ms)
        const after = (await world.clientStatus()).gateways[0]
        expectThat(after?.path !== null && after?.path === before?.path, `the path is ${after?.path ?? 'lost'}`)
        const log = world.lab.part('client').output
        expectThat(!log.includes('the gateway is lost'), `the client lost its gateway:\n${log}`)
        const [median, longest] = [took.toSorted((a, b) => a - b)[PAGES / 2], Math.max(...took)]
        return `${median ?? '?'} ms in the median, ${longest} ms at most; path ${after?.path ?? '?'} throughout`
      },
    },
  ],
}
