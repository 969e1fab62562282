// A portal in a process of its own, for measuring: prints its URL, and its memory whenever asked.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PortalFixture } from '../../kit/portal-fixture.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const portal = await PortalFixture.start()
process.on('message', (message) => {
  if (message === 'measure') {
    collectGarbage()
    const { rss, heapUsed, external } = process.memoryUsage()
    process.send?.({ rss, used: heapUsed + external })
  } else if (message === 'stop') {
    void portal.stop().then(() => process.exit(0))
  }
})
process.send?.({ url: portal.url, token: portal.token })
