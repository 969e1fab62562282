import { test } from 'node:test'
import { TunnelTransports } from 'portreeve'
import { checksOf, providedBy, tunnelTransportSuite } from 'portreeve/testing'
import { plugin } from './index.ts'

const { create } = providedBy(plugin, TunnelTransports)

for (const { title, run } of checksOf(() => tunnelTransportSuite('new-one', create))) test(title, run)
