// Public API of `portreeve/api`: a typed client of a portal's REST API, for scripts and plugins.
//
//   import { ApiClient } from 'portreeve/api'
//
//   const api = new ApiClient({ url: 'https://portal.example.org', token: process.env.PORTREEVE_TOKEN })
//   const site = await api.call('POST /sites', { body: { name: 'Berlin' } })
//   for await (const device of api.all('GET /clients', { query: { is_connected: true } })) console.log(device.name)
export { ApiClient, type ApiClientOptions, type Answered } from './api-client.ts'
export { ApiError, type ApiProblem } from './api-error.ts'
export type { AnswerOf, InputOf, ListName, OperationName, RowOf } from './operation-types.ts'
export type * from './operations.ts'
