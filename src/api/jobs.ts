/** The label of a container that the engine starts at set times: a time in the form of cron(8), in the engine's time zone. */
export const scheduleLabel = "dhow.schedule";
