/** Where a container finds the engine's name server, whatever its networks are. */
export const resolverAddress = "127.0.0.11";
