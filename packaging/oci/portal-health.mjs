// Health check of a portal in a container: ends with 0 if it answers at PORTREEVE_HEALTH_URL, by default on its usual port.
const url = process.env.PORTREEVE_HEALTH_URL ?? 'http://127.0.0.1:8080/healthz'
process.exitCode = await fetch(url, { signal: AbortSignal.timeout(4_000) }).then(
  ({ ok }) => (ok ? 0 : 1),
  () => 1,
)
