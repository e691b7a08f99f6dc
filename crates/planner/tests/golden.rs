//! The example goals and what becomes of them, as golden files.

use callboard_domain::id::ProjectId;
use callboard_planner::check::phases;
use callboard_planner::file::to_toml;
use callboard_planner::{Context, Heuristic, Planner};

fn check(name: &str, goal: &str) {
    let project = ProjectId::new("example").expect("legal");
    let context = Context { project, repo: None, check: None, max_agents: None };
    let plan = Heuristic.plan(goal, &context).expect("a plan");
    let phases = phases(&plan).expect("no cycle");
    let in_words: Vec<String> = phases
        .iter()
        .enumerate()
        .map(|(idx, phase)| {
            let names: Vec<&str> = phase.iter().map(|id| id.as_str()).collect();
            format!("# phase {}: {}\n", idx + 1, names.join(", "))
        })
        .collect();
    insta::assert_snapshot!(
        name,
        format!("{}\n{}", in_words.concat(), to_toml(&plan).expect("TOML"))
    );
}

#[test]
fn web_application() {
    check("web-application", "Build a task management app with React frontend and FastAPI backend");
}

#[test]
fn etl_pipeline() {
    check(
        "etl-pipeline",
        "Create an ETL pipeline to process daily sales data from S3 to Snowflake",
    );
}

#[test]
fn prediction_system() {
    check("prediction-system", "Build a customer churn prediction system");
}

#[test]
fn microservices() {
    check(
        "microservices",
        "Convert monolithic app to microservices with user, order, and payment services",
    );
}

#[test]
fn dashboard() {
    check(
        "dashboard",
        "Implement complete admin dashboard with user management, analytics, and reporting",
    );
}

#[test]
fn free_text() {
    check(
        "free-text",
        "URGENT: Fix memory leak in payment processing service, then test it. \
         Create React components for task list and forms and document the data model",
    );
}

#[test]
fn numbered_list() {
    check(
        "numbered-list",
        "Release the library:\n1. Update the changelog\n2. Test everything\n3. Publish it",
    );
}
