/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes at random: drawn first, then done to the balancer and to the model, so that a death can
 * be put in the middle. Comes after balancer_model.h.
 */
#ifndef POISE_BALANCER_CHANGES_H
#define POISE_BALANCER_CHANGES_H

static uint64_t dice; /* what follows from it is the same for the same seed */

static uint32_t pick(uint32_t limit)
{
	dice = poise_mix(dice + 0x9e3779b97f4a7c15ULL);
	return (dice >> 32) % limit;
}

enum kind { ADD, REMOVE, CUT, DRAIN, UNDRAIN, WEIGHT, WAY, MAC, APPLY, REFUSED_APPLY };

static const char *const kind_names[] = { "add",    "remove", "cut", "drain", "undrain",
					  "weight", "way",    "mac", "apply", "refused apply" };

struct change {
	enum kind kind;
	int site, k;
	char letter;
	uint16_t weight;
	struct plan plan;
};

static uint16_t pick_weight(void)
{
	static const uint16_t weights[] = { 0, 1, 10, 50, 100, 100, 100, 200, 1000 };

	return weights[pick(ARRAY_SIZE(weights))];
}

static uint32_t pick_ring(void)
{
	static const uint32_t sizes[] = { 251, 257, 509, 1021, 2053, 4099 };

	return sizes[pick(ARRAY_SIZE(sizes))];
}

static void new_site(struct plan *plan, int i)
{
	plan->sites[i].present = true;
	plan->sites[i].keep = pick(3) == 0;
	plan->sites[i].port = 80 + pick(3);
	plan->sites[i].ring_size = pick_ring();
	for (int k = 0; k < POOL; k++) {
		plan->sites[i].servers[k].present = pick(2);
		plan->sites[i].servers[k].letter = 'b';
		plan->sites[i].servers[k].weight = pick_weight();
	}
}

/* A name that is free when the declared one is not: 'x' is that of commands. */
static void change_plan(struct plan *plan)
{
	int i = pick(SITES), k = pick(POOL);

	switch (pick(plan->sites[i].present ? 16 : 1)) {
	case 0:
		if (plan->sites[i].present && pick(2))
			plan->sites[i].present = false;
		else if (!plan->sites[i].present)
			new_site(plan, i);
		break;
	case 1:
		if (pick(3) == 0) /* then it is another service */
			plan->sites[i].port = plan->sites[i].port == 80 ? 81 : 80;
		break;
	case 2:
	case 3:
		plan->sites[i].keep = !plan->sites[i].keep;
		break;
	case 4:
		plan->source = pick(4);
		break;
	case 5:
	case 6:
		plan->sites[i].servers[k].letter = pick(2) ? 'b' : 'r';
		break;
	case 7:
	case 8:
	case 9:
		plan->sites[i].servers[k].weight = pick_weight();
		break;
	default:
		plan->sites[i].servers[k].present = !plan->sites[i].servers[k].present;
	}
}

/* A configuration that poised must refuse as a whole. */
static void spoil_plan(const struct model *model, struct plan *plan)
{
	for (int i = 0; i < SITES; i++)
		if (model->sites[i].running && plan->sites[i].present &&
		    plan->sites[i].port == model->sites[i].port)
			plan->sites[i].ring_size = model->sites[i].ring_size == 251 ? 257 : 251;
}

static bool is_spoiled(const struct model *model, const struct plan *plan)
{
	for (int i = 0; i < SITES; i++)
		if (model->sites[i].running && plan->sites[i].present &&
		    plan->sites[i].port == model->sites[i].port &&
		    plan->sites[i].ring_size != model->sites[i].ring_size)
			return true;
	return false;
}

static struct change draw(const struct model *model)
{
	static const enum kind kinds[] = { ADD,	  ADD,	   ADD,	   REMOVE, REMOVE,	 CUT, DRAIN,
					   DRAIN, UNDRAIN, WEIGHT, WEIGHT, WAY,		 WAY, MAC,
					   APPLY, APPLY,   APPLY,  APPLY,  REFUSED_APPLY };
	struct change change = {
		.kind = kinds[pick(ARRAY_SIZE(kinds))],
		.site = pick(SITES),
		.k = pick(POOL),
		.letter = pick(8) ? 'b' : 'x',
		.weight = pick_weight(),
		.plan = model->plan,
	};

	for (int n = 1 + pick(5); n--;)
		change_plan(&change.plan);
	if (change.kind == REFUSED_APPLY)
		spoil_plan(model, &change.plan);
	return change;
}

static struct backend *find(const struct change *change)
{
	struct address address = host(change->k);
	char name[16];
	struct service *service;

	snprintf(name, sizeof(name), "s%d", change->site);
	service = balancer_find(world.balancer, name);
	return service ? service_find_address(service, &address) : NULL;
}

static int do_add(const struct change *change)
{
	struct config_backend wanted = { .address = host(change->k), .weight = change->weight };
	char error[RUNTIME_ERROR_BYTES], service[16];
	struct backend *added;

	snprintf(service, sizeof(service), "s%d", change->site);
	snprintf(wanted.name, sizeof(wanted.name), "%c%d", change->letter, change->k);
	return runtime_add(world.balancer, balancer_find(world.balancer, service), &wanted, &added,
			   error);
}

static int do_apply(const struct change *change)
{
	struct audit_list changes = { 0 };
	struct lines errors = { 0 };
	struct config *config = plan_config(&change->plan);
	int err = balancer_apply(world.balancer, config, &changes, &errors);

	if (err)
		config_free(config);
	if (err && getenv("POISE_TEST_VERBOSE"))
		print_message("# refused: %s\n", errors.text[0]);
	audit_list_free(&changes);
	lines_free(&errors);
	return err;
}

/* Does it to the balancer. 0 or a negative errno; 1: there is nothing that it could be done to. */
static int do_change(const struct model *model, const struct change *change)
{
	char error[RUNTIME_ERROR_BYTES];
	struct backend *backend = find(change);
	bool gone;

	switch (change->kind) {
	case ADD:
		return model->sites[change->site].running ? do_add(change) : 1;
	case WAY:
	case MAC:
		return 0; /* done by the network */
	case APPLY:
	case REFUSED_APPLY:
		return do_apply(change);
	default:
		break;
	}
	if (!backend)
		return 1;
	switch (change->kind) {
	case REMOVE:
		return runtime_remove(world.balancer, backend, false, &gone, error);
	case CUT:
		return runtime_remove(world.balancer, backend, true, &gone, error);
	case WEIGHT:
		return runtime_weight(world.balancer, backend, change->weight, error);
	default:
		return runtime_drain(world.balancer, backend, change->kind == DRAIN, error);
	}
}

/* The same to a model. Returns whether poised must accept it. */
static bool change_model(struct model *model, const struct change *change)
{
	switch (change->kind) {
	case ADD:
		return model_add(model, change->site, change->k, change->letter, change->weight);
	case REMOVE:
	case CUT:
		return model_remove(model, change->site, change->k, change->kind == CUT);
	case DRAIN:
	case UNDRAIN:
		return model_drain(model, change->site, change->k, change->kind == DRAIN);
	case WEIGHT:
		return model_weight(model, change->site, change->k, change->weight);
	case WAY:
		model->up[change->k] = !model->up[change->k];
		for (int i = 0; i < FLOWS && model->forgets; i++)
			if (model->flows[i].member == change->k) /* it will not be waited for */
				model->flows[i].open = false;
		return true;
	case MAC:
		model->mac[change->k]++;
		return true;
	default:
		if (is_spoiled(model, &change->plan))
			return false;
		model_apply(model, &change->plan);
		return true;
	}
}

static void change_network(const struct model *model, const struct change *change)
{
	if (change->kind == WAY)
		host_set_up(change->k, !model->up[change->k]);
	if (change->kind == MAC)
		host_set_mac(change->k, model->mac[change->k] + 1);
}

#endif
