import { laneSuite } from './lane-suite.ts'

laneSuite({ client: 'native', gateway: 'native' })
