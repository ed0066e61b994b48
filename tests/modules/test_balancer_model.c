/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random histories of the whole balancer with its program: commands, reloads, backends that go down
 * and come back, restarts, and deaths of poised in the middle of any of these, while hundreds of
 * connections live. After every step each connection must reach the backend that it began at, new
 * ones begin at backends that take them, and all is what the model of balancer_model.h says.
 * POISE_TEST_SEED runs the history of one seed, POISE_TEST_VERBOSE prints each step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_model.h"
#include "balancer_changes.h"

enum { LONGEST_PAUSE_MS = 950 }; /* below what the shortest settle time may be */

/* What a history is made of. */
struct life_story {
	const char *settle;
	bool settles; /* settle is short: time passes, and idle connections are forgotten */
	int steps;
	int deaths; /* of 16 steps */
	int checks; /* one step of this many is followed by a packet of every connection */
};

struct run {
	uint64_t seed;
	const struct life_story *history;
	struct model model;
	char doing[160]; /* the step under way */
	pid_t child;	 /* one that is to be killed; 0: none */
	int step;
	int64_t checked_at; /* ms; when every connection was heard of last */
	bool news;	    /* of the network are on the way to poised */
	unsigned int opened, kept_aside, deaths, late;
};

static struct run run;

__attribute__((format(printf, 1, 2))) static void doing(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(run.doing, sizeof(run.doing), format, arguments);
	va_end(arguments);
	if (getenv("POISE_TEST_VERBOSE"))
		print_message("# %d: %s\n", run.step, run.doing);
}

static void kill_child(void)
{
	if (!run.child)
		return;
	kill(run.child, SIGKILL);
	waitpid(run.child, NULL, 0);
	run.child = 0;
}

static void fault(const char *what)
{
	kill_child();
	fail_msg("seed %llu, step %d (%s): %s", (unsigned long long)run.seed, run.step, run.doing,
		 what);
}

/* Clients. */

static void open_flow(struct flow *flow)
{
	int site = pick(SITES), got;
	const struct site *place = &run.model.sites[site];

	/* mostly the same addresses and ports again, which may be recorded somewhere */
	if (!flow->tuple.port || pick(4) == 0) {
		flow->site = site;
		flow->tuple.client = 0xc6336400 + pick(250);
		flow->tuple.port = FIRST_PORT + (flow - run.model.flows) * 8 + pick(8);
	}
	site = flow->site;
	place = &run.model.sites[site];
	flow_aim(&flow->tuple, flow - run.model.flows, site, place->running ? place->port : 80);
	got = packet_sent(&flow->tuple, TH_SYN);
	if (!may_open(&run.model, site, got)) {
		char text[FAULT_BYTES];

		snprintf(text, sizeof(text), "a new connection of s%d went to %d", site, got);
		fault(text);
	}
	flow->open = got >= 0;
	flow->closing = false;
	flow->member = got >= 0 ? got : 0;
	run.opened += flow->open;
}

static void send_fin(struct flow *flow)
{
	int got = packet_sent(&flow->tuple, pick(2) ? TH_FIN | TH_ACK : TH_RST);

	if (!may_continue(&run.model, flow, got))
		fault("a FIN went astray");
	flow->closing = true;
}

/* A client may vanish without a FIN, and come again at once with the same port. */
static void act(struct flow *flow)
{
	uint32_t chance = pick(16);

	if (!flow->open || (flow->closing && chance < 6) || chance == 0)
		open_flow(flow);
	else if (chance < 5)
		send_fin(flow);
	else if (chance == 5 || flow->closing)
		flow->open = false;
}

static void act_some(int count)
{
	while (count--)
		act(&run.model.flows[pick(FLOWS)]);
}

static void describe(const struct change *change)
{
	doing("%s s%d %c%d weight %u", kind_names[change->kind], change->site, change->letter,
	      change->k, change->weight);
}

/* Checks. */

/* Where settle is short, connections that this machine was too slow for are idle, and promised
 * nothing. */
static void forget_idle(void)
{
	if (!run.history->settles || balancer_now_ms() < run.checked_at + LONGEST_PAUSE_MS)
		return;
	run.late++;
	for (int i = 0; i < FLOWS; i++)
		run.model.flows[i].open = false;
}

/* Next hops reach poised by way of the kernel: all is compared once they did. */
static bool is_right(void *context)
{
	forget_idle();
	return is_quiet(NULL) && !model_fault(&run.model, context);
}

static void check_balancer(void)
{
	char text[FAULT_BYTES] = "";

	if (loop_until(is_right, text, MODERATE_MS))
		return;
	if (text[0])
		fault(text);
	fault("the balancer did not come to rest");
}

static void check_flows(void)
{
	char text[FAULT_BYTES];

	forget_idle();
	run.checked_at = balancer_now_ms();
	if (flows_fault(&run.model, text))
		fault(text);
}

static void check_no_loss(void)
{
	struct maps *maps = loader_maps(world.loader);

	assert_int_equal(maps_event_count(maps, POISE_EVENT_EXCEPTION_LOST), 0);
	assert_int_equal(maps_event_count(maps, POISE_EVENT_EXCEPTION_EVICTED), 0);
	assert_int_equal(maps_event_count(maps, POISE_EVENT_EXCEPTION_EVICTED_HALF_OPEN), 0);
	assert_int_equal(maps_event_count(maps, POISE_EVENT_FLOW_LOST), 0);
	assert_int_equal(maps_event_count(maps, POISE_EVENT_FLOW_EVICTED), 0);
	assert_int_equal(maps_event_count(maps, POISE_EVENT_FLOW_EVICTED_HALF_OPEN), 0);
	assert_int_equal(maps_reason_count(maps, POISE_REASON_INTERNAL), 0);
}

/* Steps. */

static void step_change(void)
{
	struct change change = draw(&run.model);
	struct model before = run.model;
	bool accepted;
	int err;

	describe(&change);
	change_network(&run.model, &change);
	run.news = change.kind == WAY;
	err = do_change(&run.model, &change);
	if (err == 1)
		return;
	accepted = change_model(&run.model, &change);
	if (accepted == (err == 0))
		return;
	/* one that waits for its connections may have gone meanwhile, which the model learns later
	 */
	run.model = before;
	fault(accepted ? "was refused" : "was not refused");
}

/* Starts poised anew, with the same configuration or another. */
static void start_anew(const struct plan *plan)
{
	struct change change = { .kind = APPLY, .plan = *plan };

	start();
	if (do_apply(&change))
		fault("the configuration was refused at the start");
}

static void step_restart(void)
{
	struct plan plan = run.model.plan;

	doing("restart");
	if (pick(2)) {
		for (int n = 1 + pick(4); n--;)
			change_plan(&plan);
		if (is_spoiled(&run.model, &plan))
			plan = run.model.plan;
		doing("restart with another configuration");
	}
	if (pick(2)) /* changes that wait for the loop's next turn are lost with poised */
		loop_for(1);
	stop();
	start_anew(&plan);
	model_apply(&run.model, &plan);
	/* traffic goes on while the new one has not run its loop once */
	check_flows();
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000 + now.tv_nsec / 1000;
}

/* A flow that must reach its backend all through the change between the two models. */
static bool is_kept(const struct flow *flow, const struct model *before, const struct model *after)
{
	return flow->open && before->up[flow->member] && after->up[flow->member] &&
	       is_serving(&before->sites[flow->site].servers[flow->member]) &&
	       is_serving(&after->sites[flow->site].servers[flow->member]) &&
	       before->sites[flow->site].port == after->sites[flow->site].port;
}

/* A connection begun in the middle of a change: right before or after it is right. */
static void open_meanwhile(struct flow *flow, const struct model *before, const struct model *after)
{
	uint16_t port = before->sites[flow->site].port;
	int got;

	if (!after->sites[flow->site].running || after->sites[flow->site].port != port)
		return;
	flow_aim(&flow->tuple, flow - run.model.flows, flow->site, port);
	got = packet_sent(&flow->tuple, TH_SYN);
	if (!may_open(before, flow->site, got) && !may_open(after, flow->site, got) &&
	    got != DROPPED)
		fault("a new connection went astray meanwhile");
	flow->open = got >= 0 && is_serving(&after->sites[flow->site].servers[got]);
	flow->closing = false;
	flow->member = got >= 0 ? got : 0;
}

/* Sends packets of every flow until the time is over. flows: both models' own. */
static void traffic_until(int64_t end_us, const struct model *before, const struct model *after)
{
	do {
		struct flow *flow = &run.model.flows[pick(FLOWS)];
		int got;

		if (!flow->tuple.port || !run.model.sites[flow->site].running)
			continue;
		if (!flow->open) {
			open_meanwhile(flow, before, after);
			continue;
		}
		if (!is_kept(flow, before, after))
			continue;
		got = packet_sent(&flow->tuple, TH_ACK);
		run.kept_aside++;
		if (got != flow->member) {
			char text[FAULT_BYTES];

			snprintf(text, sizeof(text),
				 "meanwhile a packet of flow %d of s%u went to %d instead of %u",
				 (int)(flow - run.model.flows), flow->site, got, flow->member);
			fault(text);
		}
	} while (now_us() < end_us);
}

/* Runs body in a child that shares maps and sockets, and kills it after a while. */
static void kill_in(void (*body)(const struct change *change), const struct change *change,
		    uint32_t longest_us, const struct model *before, const struct model *after)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	run.child = fork();
	assert_true(run.child >= 0);
	if (run.child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		event_reinit(world.base);
		if (write(ready[1], "", 1) == 1)
			body(change);
		for (;;)
			event_base_loop(world.base, EVLOOP_ONCE);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	traffic_until(now_us() + pick(longest_us), before, after);
	kill_child();
	run.deaths++;
}

static void child_changes(const struct change *change)
{
	do_change(&run.model, change);
}

/* Without assertions, which belong to the parent. */
static void child_restarts(const struct change *change)
{
	char error[LOADER_ERROR_BYTES];

	if (load(error) == 0 &&
	    balancer_new(world.base, loader_maps(world.loader), &world.balancer) == 0 &&
	    adopt_all(world.balancer) == 0)
		do_apply(change);
}

/* After a death a command may have been carried out, or not at all. */
static bool is_one_of(void *context)
{
	struct model *models = context;
	char text[FAULT_BYTES];

	if (!is_quiet(NULL))
		return false;
	for (int i = 0; i < 2; i++) {
		memcpy(models[i].flows, run.model.flows, sizeof(run.model.flows));
		if (model_fault(&models[i], text))
			continue;
		run.model = models[i];
		return true;
	}
	return false;
}

static void close_unkept(const struct model *before, const struct model *after)
{
	for (int i = 0; i < FLOWS; i++) {
		struct flow *flow = &run.model.flows[i];
		const struct site *was = &before->sites[flow->site];
		const struct site *is = &after->sites[flow->site];

		if (!is_serving(&was->servers[flow->member]) ||
		    !is_serving(&is->servers[flow->member]) || was->port != is->port)
			flow->open = false;
	}
}

static void check_after_death(struct model models[2])
{
	char text[2][FAULT_BYTES], both[2 * FAULT_BYTES + 64];

	if (loop_until(is_one_of, models, MODERATE_MS)) {
		check_flows();
		return;
	}
	for (int i = 0; i < 2; i++)
		if (!model_fault(&models[i], text[i]))
			strcpy(text[i], "right");
	snprintf(both, sizeof(both), "neither as before: %s; nor as after: %s", text[0], text[1]);
	fault(both);
}

/* poised is killed while it carries a change out, or in its first moments after a restart. */
static void step_death(void)
{
	static struct model models[2]; /* before, after */
	struct change change = draw(&run.model);
	bool restart = pick(4) == 0;

	if (is_spoiled(&run.model, &change.plan))
		change.plan = run.model.plan;
	if (restart || change.kind == REFUSED_APPLY)
		change.kind = APPLY;
	describe(&change);
	models[0] = models[1] = run.model;
	if (change.kind != APPLY && change.kind != ADD && !find(&change))
		return;
	if (change.kind == ADD && !run.model.sites[change.site].running)
		return;
	change_model(&models[1], &change);
	close_unkept(&models[0], &models[1]);
	change_network(&run.model, &change);
	if (restart) {
		doing("death in a restart");
		stop();
		kill_in(child_restarts, &change, 250000, &models[0], &models[1]);
	} else {
		kill_in(child_changes, &change, pick(3) ? 1500 : 15000, &models[0], &models[1]);
		stop();
	}
	start_anew(change.kind == APPLY ? &change.plan : &run.model.plan);
	if (change.kind == APPLY || change.kind == WAY || change.kind == MAC)
		models[0] = models[1];
	run.model.plan = models[1].plan;
	check_after_death(models);
}

static void pass_time(int64_t time_ms)
{
	for (int64_t end = balancer_now_ms() + time_ms; balancer_now_ms() < end;) {
		loop_for(200);
		check_flows();
	}
}

static uint32_t moving_slots(void)
{
	uint32_t moving = 0;

	for (size_t i = 0; i < world.balancer->service_count; i++)
		moving += world.balancer->services[i]->moving.recorded;
	return moving;
}

/* Most connections end, and slots settle while the others go on. */
static void step_time(void)
{
	uint32_t before = moving_slots();

	doing("time passes");
	for (int i = 0; i < FLOWS; i++)
		if (pick(8))
			run.model.flows[i].open = false;
	pass_time(3000);
	if (before > FLOWS && moving_slots() >= before)
		fault("no slot settled");
}

/* A history. */

static void begin(const struct life_story *history, uint64_t seed)
{
	struct change first = { .kind = APPLY };

	memset(&run, 0, sizeof(run));
	dice = run.seed = seed;
	run.history = history;
	run.model.forgets = history->settles;
	run.checked_at = balancer_now_ms();
	memset(run.model.up, true, sizeof(run.model.up));
	first.plan.settle = history->settle;
	for (int i = 0; i < SITES; i++)
		new_site(&first.plan, i);
	doing("begin");
	model_apply(&run.model, &first.plan);
	assert_int_equal(do_change(&run.model, &first), 0);
	check_balancer();
}

static void step(void)
{
	uint32_t chance = pick(16);
	const struct life_story *history = run.history;

	run.news = false;
	if ((int)chance < history->deaths)
		step_death();
	else if (chance == 15)
		step_restart();
	else if (chance == 14 && history->settles && run.step > 20)
		step_time();
	else
		step_change();
	if (run.step % history->checks == 0 && !run.news)
		check_flows(); /* before poised has run its loop: what is not committed harms nobody
				*/
	check_balancer();
	if (run.step % history->checks == 0)
		check_flows();
	act_some(20 + pick(60));
}

static void live(const struct life_story *history, uint64_t first_seed, int count)
{
	const char *chosen = getenv("POISE_TEST_SEED"), *many = getenv("POISE_TEST_COUNT");
	uint64_t seed = chosen ? strtoull(chosen, NULL, 0) : first_seed;
	unsigned int opened = 0, deaths = 0, aside = 0, late = 0;

	if (chosen || many)
		count = many ? atoi(many) : 1;
	for (int n = 0; n < count; n++, seed++) {
		begin(history, seed);
		act_some(3 * FLOWS);
		for (run.step = 1; run.step <= history->steps; run.step++)
			step();
		check_flows();
		check_no_loss();
		opened += run.opened;
		deaths += run.deaths;
		aside += run.kept_aside;
		late += run.late;
		over(NULL);
		fresh(NULL);
	}
	print_message(
		"# %u connections, %u deaths, %u packets in the middle of them, %u pauses too "
		"long\n",
		opened, deaths, aside, late);
}

static void connections_survive_changes(void **state)
{
	static const struct life_story history = { .settle = "15m", .steps = 60, .checks = 1 };

	(void)state;
	live(&history, 1, 3);
}

static void idle_connections_survive_changes(void **state)
{
	static const struct life_story history = { .settle = "15m", .steps = 60, .checks = 7 };

	(void)state;
	live(&history, 100, 2);
}

static void connections_survive_deaths(void **state)
{
	static const struct life_story history = {
		.settle = "15m", .steps = 32, .deaths = 13, .checks = 1
	};

	(void)state;
	live(&history, 200, 2);
}

static void connections_survive_settling(void **state)
{
	static const struct life_story history = {
		.settle = "1s", .settles = true, .steps = 40, .checks = 1
	};

	(void)state;
	live(&history, 300, 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_survive_changes),
		TEST(idle_connections_survive_changes),
		TEST(connections_survive_deaths),
		TEST(connections_survive_settling),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
