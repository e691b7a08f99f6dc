//! The kinds of goals that are known, and the steps that each takes.

use crate::words::Words;

/// One step of a kind of goal.
#[derive(Debug)]
pub(super) struct Step {
    /// Its name, of which the task's name is made.
    pub(super) id: &'static str,
    /// What is done; `{part}` stands for the part.
    pub(super) title: &'static str,
    /// Who does it; without one, whom the title points to.
    pub(super) role: Option<&'static str>,
    /// Done once per part that the goal names; these parts where it names none.
    pub(super) parts: Option<&'static [&'static str]>,
    /// The steps before it.
    pub(super) after: &'static [&'static str],
}

struct Kind {
    verbs: &'static [&'static str],
    /// One of these must stand in the goal.
    words: &'static [&'static str],
    steps: &'static [Step],
}

const CREATE: &[&str] =
    &["build", "create", "develop", "implement", "make", "set up", "write", "design"];

const KINDS: [Kind; 5] = [
    Kind {
        verbs: &["convert", "split", "migrate", "break", "decompose", "refactor", "move", "turn"],
        words: &["to microservice", "into microservice", "to a microservice architecture"],
        steps: MICROSERVICES,
    },
    Kind {
        verbs: CREATE,
        words: &["etl", "elt", "data pipeline", "ingestion pipeline"],
        steps: PIPELINE,
    },
    Kind {
        verbs: CREATE,
        words: &[
            "prediction system",
            "prediction model",
            "predictive model",
            "forecasting system",
            "recommendation system",
            "machine learning system",
            "classifier",
        ],
        steps: PREDICTION,
    },
    Kind {
        verbs: CREATE,
        words: &["admin dashboard", "dashboard with", "complete dashboard", "reporting dashboard"],
        steps: DASHBOARD,
    },
    Kind {
        verbs: CREATE,
        words: &["app", "web app", "web application", "website", "web site"],
        steps: APPLICATION,
    },
];

const APPLICATION: &[Step] = &[
    Step {
        id: "design",
        title: "Design the data model and the interfaces between the parts",
        role: Some("backend-systems-engineer"),
        parts: None,
        after: &[],
    },
    Step {
        id: "implement",
        title: "Implement the {part}",
        role: None,
        parts: Some(&["backend", "frontend"]),
        after: &["design"],
    },
    Step {
        id: "test",
        title: "Test the application end to end",
        role: Some("qa-engineer"),
        parts: None,
        after: &["implement"],
    },
    REVIEW,
];

const PIPELINE: &[Step] = &[
    Step {
        id: "design",
        title: "Design the data model of source and target",
        role: Some("data-architect-governance"),
        parts: None,
        after: &[],
    },
    Step {
        id: "extract",
        title: "Implement the extraction from the source",
        role: Some("data-pipeline-engineer"),
        parts: None,
        after: &["design"],
    },
    Step {
        id: "transform",
        title: "Implement the transformation",
        role: Some("data-pipeline-engineer"),
        parts: None,
        after: &["design"],
    },
    Step {
        id: "load",
        title: "Implement the loading into the target",
        role: Some("data-pipeline-engineer"),
        parts: None,
        after: &["design"],
    },
    Step {
        id: "schedule",
        title: "Schedule the run and its infrastructure",
        role: Some("aws-cloud-architect"),
        parts: None,
        after: &["extract", "transform", "load"],
    },
    Step {
        id: "test",
        title: "Build data quality validation checks",
        role: Some("data-science-analyst"),
        parts: None,
        after: &["extract", "transform", "load"],
    },
    Step { after: &["schedule", "test"], ..REVIEW },
];

const PREDICTION: &[Step] = &[
    Step {
        id: "design",
        title: "Analyse the data and choose features and measures of success",
        role: Some("data-science-analyst"),
        parts: None,
        after: &[],
    },
    Step {
        id: "features",
        title: "Implement the pipeline that computes the features",
        role: Some("data-pipeline-engineer"),
        parts: None,
        after: &["design"],
    },
    Step {
        id: "model",
        title: "Train and evaluate the model",
        role: Some("data-science-analyst"),
        parts: None,
        after: &["features"],
    },
    Step {
        id: "serve",
        title: "Implement the API that serves predictions",
        role: Some("backend-systems-engineer"),
        parts: None,
        after: &["design"],
    },
    Step {
        id: "test",
        title: "Test the system from raw data to prediction",
        role: Some("qa-engineer"),
        parts: None,
        after: &["model", "serve"],
    },
    REVIEW,
];

const MICROSERVICES: &[Step] = &[
    Step {
        id: "design",
        title: "Design the boundaries and contracts of the services",
        role: Some("backend-systems-engineer"),
        parts: None,
        after: &[],
    },
    Step {
        id: "extract",
        title: "Extract the {part} service",
        role: Some("backend-systems-engineer"),
        parts: Some(&["first", "second"]),
        after: &["design"],
    },
    Step {
        id: "gateway",
        title: "Route requests to the services and describe their deployment",
        role: Some("aws-cloud-architect"),
        parts: None,
        after: &["design"],
    },
    Step {
        id: "test",
        title: "Test the services together against the behaviour of the monolith",
        role: Some("qa-engineer"),
        parts: None,
        after: &["extract", "gateway"],
    },
    REVIEW,
];

const DASHBOARD: &[Step] = &[
    Step {
        id: "design",
        title: "Design the pages and the interface to the server",
        role: Some("frontend-ui-engineer"),
        parts: None,
        after: &[],
    },
    Step {
        id: "api",
        title: "Implement the API behind the dashboard",
        role: Some("backend-systems-engineer"),
        parts: None,
        after: &["design"],
    },
    Step {
        id: "implement",
        title: "Implement the {part} pages",
        role: Some("frontend-ui-engineer"),
        parts: Some(&["overview", "settings"]),
        after: &["design"],
    },
    Step {
        id: "test",
        title: "Test the dashboard end to end",
        role: Some("qa-engineer"),
        parts: None,
        after: &["api", "implement"],
    },
    REVIEW,
];

const REVIEW: Step = Step {
    id: "review",
    title: "Review the whole and mend what is found",
    role: Some("code-reviewer"),
    parts: None,
    after: &["test"],
};

/// The steps of a goal whose kind is known.
pub(super) fn steps(goal: &str) -> Option<&'static [Step]> {
    let words = Words::new(goal);
    let kind = KINDS.iter().find(|kind| {
        kind.verbs.iter().any(|verb| words.begins_with(verb)) && words.count(kind.words) > 0
    });
    kind.map(|kind| kind.steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_name_earlier_steps_only() {
        for kind in &KINDS {
            for (idx, step) in kind.steps.iter().enumerate() {
                let earlier: Vec<&str> = kind.steps[..idx].iter().map(|step| step.id).collect();
                assert!(step.after.iter().all(|id| earlier.contains(id)), "{}", step.title);
                assert_eq!(step.parts.is_some(), step.title.contains("{part}"), "{}", step.title);
            }
        }
    }

    #[test]
    fn single_tasks_are_of_no_kind() {
        for text in [
            "Add OAuth2 authentication to existing Flask app",
            "Create React components for task list and forms",
            "Build Apache Spark job for transformation",
            "Build data quality validation checks",
            "Fix the app",
        ] {
            assert!(steps(text).is_none(), "{text}");
        }
    }
}
