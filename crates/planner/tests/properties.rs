//! What holds for every plan: it passes its own check, phases respect dependencies, and a cycle
//! that is shown is one.

use std::collections::BTreeMap;

use callboard_domain::id::{ProjectId, TaskId};
use callboard_planner::check::{Problem, check, phases};
use callboard_planner::file::{parse, to_toml};
use callboard_planner::{Context, Heuristic, Plan, PlannedTask, Planner, route};
use proptest::prelude::*;

fn context() -> Context {
    let project = ProjectId::new("p").expect("legal");
    Context { project, repo: None, check: None, max_agents: Some(3) }
}

fn plan_of(edges: &[(usize, usize)], n_tasks: usize) -> Plan {
    let id = |n: usize| TaskId::new(format!("t{n}")).expect("legal");
    let tasks = (0..n_tasks)
        .map(|n| {
            let needs = edges.iter().filter(|(from, _)| *from == n).map(|(_, to)| id(*to));
            PlannedTask { depends_on: needs.collect(), ..PlannedTask::new(id(n), "Do it") }
        })
        .collect();
    let Context { project, repo, check, max_agents } = context();
    Plan { goal: "g".to_owned(), project, repo, check, max_agents, tasks }
}

fn edges(n_tasks: usize) -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..n_tasks, 0..n_tasks), 0..60)
}

/// Words as people write them, with what splits texts strewn in.
fn goal() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[A-Za-z0-9äß]{1,12}",
        3 => prop::sample::select(vec![
            "and", "then", "and then", ",", ".", ";", "\n", "\n- ", "\n1. ", "with", "Build",
            "test", "review", "URGENT:", "app", "dashboard", "microservices", "ETL", "Convert",
            "to", "services", "e.g.", "…", "—", "\u{1F600}", "\\", "\"",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(word, 1..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn every_goal_gives_a_plan_that_passes(goal in goal()) {
        prop_assume!(!goal.trim().is_empty());
        let plan = Heuristic.plan(&goal, &context()).expect("a plan");
        prop_assert_eq!(check(&plan), Ok(()));
        prop_assert!(plan.tasks.iter().all(|task| task.role.is_some()));
        let text = to_toml(&plan).expect("TOML");
        prop_assert_eq!(parse(&text).expect("readable"), plan);
    }

    #[test]
    fn routing_never_fails(text in any::<String>()) {
        prop_assert!(!route::role(&text).as_str().is_empty());
        let _ = route::priority(&text);
        prop_assert!(text.contains(route::without_urgency(&text)));
    }

    #[test]
    fn phases_respect_dependencies(edges in edges(30)) {
        // Edges to smaller numbers alone make no cycle.
        let edges: Vec<_> = edges.into_iter().filter(|(from, to)| to < from).collect();
        let plan = plan_of(&edges, 30);
        prop_assert_eq!(check(&plan), Ok(()));
        let phases = phases(&plan).expect("no cycle");
        let phase_of: BTreeMap<&TaskId, usize> = phases
            .iter()
            .enumerate()
            .flat_map(|(n, phase)| phase.iter().map(move |id| (id, n)))
            .collect();
        prop_assert_eq!(phases.iter().map(Vec::len).sum::<usize>(), plan.tasks.len());
        for task in &plan.tasks {
            let n = phase_of[&task.id];
            prop_assert!(task.depends_on.iter().all(|id| phase_of[id] < n));
            // No later than needed: something of the phase before holds it back.
            prop_assert!(n == 0 || task.depends_on.iter().any(|id| phase_of[id] == n - 1));
        }
    }

    #[test]
    fn shown_cycle_is_real(edges in edges(12)) {
        let plan = plan_of(&edges, 12);
        match check(&plan) {
            Ok(()) => prop_assert!(phases(&plan).is_ok()),
            Err(Problem::Cycle(cycle)) => {
                prop_assert!(!cycle.0.is_empty());
                for (idx, id) in cycle.0.iter().enumerate() {
                    let next = &cycle.0[(idx + 1) % cycle.0.len()];
                    let task = plan.tasks.iter().find(|task| task.id == *id).expect("planned");
                    prop_assert!(task.depends_on.contains(next), "{cycle}");
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn closing_the_loop_is_refused(n in 1..40_usize) {
        let mut edges: Vec<_> = (1..n).map(|from| (from, from - 1)).collect();
        edges.push((0, n - 1));
        let refused = check(&plan_of(&edges, n));
        prop_assert!(matches!(refused, Err(Problem::Cycle(cycle)) if cycle.0.len() == n));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = parse(&text);
        let _ = parse(&format!("[plan]\ngoal = \"g\"\nproject = \"p\"\n{text}"));
    }
}
