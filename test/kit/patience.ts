/** How long tests wait for what has to come, on however busy a machine. It says nothing of how fast anything should be. */
export const PATIENCE_MS = 60_000
