//! Who does a task and how urgent it is, by the words of its text.
//!
//! Each role has words with weights; the role with the highest sum wins, the earlier one in the
//! table on a tie, [`DEFAULT_ROLE`] where nothing matches. Words are compared in lower case without
//! a plural `s`, and phrases as whole words.

use callboard_domain::fleet::Priority;
use callboard_domain::id::Role;

use crate::words::Words;

/// Who does what no word points to.
pub const DEFAULT_ROLE: &str = "backend-systems-engineer";

struct Keywords {
    role: &'static str,
    /// Words that decide when the text begins with them.
    leading: &'static [&'static str],
    strong: &'static [&'static str],
    weak: &'static [&'static str],
}

const WEIGHT_LEADING: usize = 8;
const WEIGHT_STRONG: usize = 3;
const WEIGHT_WEAK: usize = 1;

const TABLE: [Keywords; 9] = [
    Keywords {
        role: "project-manager",
        leading: &["coordinate", "prioritize", "report on the project", "get a status update"],
        strong: &["status update", "progress report", "next steps", "roadmap", "milestone"],
        weak: &["coordinate", "stakeholder"],
    },
    Keywords {
        role: "code-reviewer",
        leading: &["review", "audit the code"],
        strong: &["code review", "pull request"],
        weak: &["review"],
    },
    Keywords {
        role: "qa-engineer",
        leading: &["test", "verify", "write test", "write unit test", "write end to end test"],
        strong: &[
            "end to end",
            "regression test",
            "qa",
            "test plan",
            "test suite",
            "test coverage",
        ],
        weak: &["test", "testing", "coverage", "verify"],
    },
    Keywords {
        role: "frontend-ui-engineer",
        leading: &[],
        strong: &[
            "react",
            "vue",
            "angular",
            "svelte",
            "frontend",
            "front end",
            "css",
            "html",
            "ui",
            "ux",
            "user interface",
            "accessibility",
            "tailwind",
            "web page",
            "responsive",
        ],
        weak: &[
            "component",
            "form",
            "page",
            "layout",
            "button",
            "style",
            "screen",
            "browser",
            "modal",
            "typescript",
            "javascript",
            "dashboard",
            "chart",
            "widget",
        ],
    },
    Keywords {
        role: "data-architect-governance",
        leading: &[],
        strong: &[
            "data model",
            "governance",
            "data catalog",
            "data lineage",
            "master data",
            "gdpr",
            "data retention",
            "star schema",
            "data architecture",
            "data warehouse design",
        ],
        weak: &["policy", "policies", "schema", "compliance", "lineage", "metadata"],
    },
    Keywords {
        role: "data-pipeline-engineer",
        leading: &[],
        strong: &[
            "spark",
            "etl",
            "elt",
            "airflow",
            "kafka",
            "pipeline",
            "ingestion",
            "dbt",
            "snowflake",
            "data lake",
            "beam",
            "flink",
            "redshift",
            "bigquery",
        ],
        weak: &[
            "transformation",
            "transform",
            "batch",
            "streaming",
            "ingest",
            "extract",
            "load",
            "partition",
        ],
    },
    Keywords {
        role: "aws-cloud-architect",
        leading: &["deploy"],
        strong: &[
            "aws",
            "s3 event",
            "lambda",
            "cloudformation",
            "terraform",
            "iam",
            "ec2",
            "ecs",
            "eks",
            "cloudwatch",
            "sqs",
            "sns",
            "vpc",
            "kubernetes",
            "cloud",
            "load balancer",
            "infrastructure",
        ],
        weak: &["s3", "trigger", "bucket", "deploy", "deployment", "docker", "container"],
    },
    Keywords {
        role: "data-science-analyst",
        leading: &[],
        strong: &[
            "data quality",
            "machine learning",
            "prediction",
            "predictive",
            "forecast",
            "churn",
            "feature engineering",
            "statistics",
            "statistical",
            "notebook",
            "exploratory",
            "train model",
            "train the model",
            "a b test",
            "anomaly detection",
            "data analysis",
        ],
        weak: &["validation", "dataset", "analyze", "analysis", "metric", "insight", "train"],
    },
    Keywords {
        role: DEFAULT_ROLE,
        leading: &[],
        strong: &[
            "oauth",
            "oauth2",
            "authentication",
            "flask",
            "django",
            "fastapi",
            "api",
            "backend",
            "back end",
            "endpoint",
            "database",
            "memory leak",
            "microservice",
            "server",
            "graphql",
            "grpc",
            "sql",
            "concurrency",
            "race condition",
        ],
        weak: &[
            "service",
            "payment",
            "login",
            "cache",
            "queue",
            "session",
            "performance",
            "rest",
            "token",
            "migration",
            "library",
            "module",
        ],
    },
];

const URGENT: [&str; 9] = [
    "urgent",
    "urgently",
    "asap",
    "critical",
    "immediately",
    "emergency",
    "hotfix",
    "outage",
    "high priority",
];
const LATER: [&str; 7] = [
    "low priority",
    "nice to have",
    "when you have time",
    "eventually",
    "someday",
    "not urgent",
    "no hurry",
];

impl Keywords {
    fn score(&self, words: &Words) -> usize {
        let leading = self.leading.iter().any(|phrase| words.begins_with(phrase));
        usize::from(leading) * WEIGHT_LEADING
            + words.count(self.strong) * WEIGHT_STRONG
            + words.count(self.weak) * WEIGHT_WEAK
    }
}

/// The role that a text asks for.
#[must_use]
pub fn role(text: &str) -> Role {
    let words = Words::new(text);
    let mut best = (DEFAULT_ROLE, 0);
    for keywords in &TABLE {
        let score = keywords.score(&words);
        if score > best.1 {
            best = (keywords.role, score);
        }
    }
    Role::new(best.0).expect("the names in the table are legal")
}

/// How urgent a text is.
#[must_use]
pub fn priority(text: &str) -> Priority {
    let words = Words::new(text);
    if words.count(&LATER) > 0 {
        return Priority::Low;
    }
    if words.count(&URGENT) > 0 {
        return Priority::High;
    }
    Priority::Normal
}

/// A text without the words at its head that only say how urgent it is: `URGENT: fix it` is `fix it`.
#[must_use]
pub fn without_urgency(text: &str) -> &str {
    let text = text.trim();
    let Some((head, rest)) = text.split_once([':', '!']) else { return text };
    let head = head.trim().trim_matches(['[', ']']).to_lowercase();
    let rest = rest.trim_start_matches(['!', ':']).trim();
    if !rest.is_empty() && (URGENT.contains(&head.as_str()) || LATER.contains(&head.as_str())) {
        return rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_reach_their_role() {
        for (text, wanted) in [
            ("Design data model and governance policies", "data-architect-governance"),
            ("Build Apache Spark job for transformation", "data-pipeline-engineer"),
            ("Set up S3 events and Lambda triggers", "aws-cloud-architect"),
            ("Build data quality validation checks", "data-science-analyst"),
            ("Add OAuth2 authentication to existing Flask app", "backend-systems-engineer"),
            ("Create React components for task list and forms", "frontend-ui-engineer"),
            ("URGENT: Fix memory leak in payment processing service", "backend-systems-engineer"),
            (
                "Implement the backend API for calendar creation and sharing functionality",
                "backend-systems-engineer",
            ),
            (
                "Test the OAuth authentication flow and report any issues to the development team",
                "qa-engineer",
            ),
            ("Write unit tests for the React form", "qa-engineer"),
            ("URGENT: review the pull request", "code-reviewer"),
            ("Coordinate with the QA team", "project-manager"),
            ("Sing a song", DEFAULT_ROLE),
            ("", DEFAULT_ROLE),
        ] {
            assert_eq!(role(text).as_str(), wanted, "{text}");
        }
    }

    #[test]
    fn urgency_is_heard() {
        for (text, wanted) in [
            ("URGENT: Fix memory leak in payment processing service", Priority::High),
            ("Fix the outage", Priority::High),
            ("Please do this ASAP.", Priority::High),
            ("Not urgent: tidy the readme", Priority::Low),
            ("Nice to have: a dark theme", Priority::Low),
            ("Fix the urgency field", Priority::Normal),
        ] {
            assert_eq!(priority(text), wanted, "{text}");
        }
        assert_eq!(without_urgency("URGENT: Fix it: now"), "Fix it: now");
        assert_eq!(without_urgency("[Hotfix]: Fix it"), "Fix it");
        assert_eq!(without_urgency("Note: fix it"), "Note: fix it");
        assert_eq!(without_urgency("urgent!"), "urgent!");
    }
}
