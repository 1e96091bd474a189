/**
 * dhow's own form of a hijacked stream, for clients that ask for it by `Accept`: the process's output always comes in Docker's
 * frames, also a terminal's, and the last frame tells how the process ended. One request then does what takes several in
 * Docker's API: no wait has to be in place, and nothing has to be inspected afterwards.
 */

export const sessionType = "application/vnd.dhow.session";

/** Number of the stream whose one frame is the end, as JSON of `ContainerWaitResponse`; 0 to 3 are Docker's. */
export const endStream = 4;

/** Stands in the answer, also a refusal, of an attach that starts the container, once it was understood: what fails is the start. */
export const startingHeader = "Dhow-Starting";

/** Names, in the answer of an exec run in one request, the exec: for its terminal's size. */
export const execIdHeader = "Dhow-Exec-Id";
