import { laneSuite } from './lane-suite.ts'

laneSuite({ client: 'script', gateway: 'script' })
laneSuite({ client: 'native', gateway: 'script' })
laneSuite({ client: 'script', gateway: 'native' })
